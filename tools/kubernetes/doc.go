// Package kubernetes holds no code: its tests render deploy/kubernetes as `kubectl apply -k` does, and
// judge every object.
package kubernetes
