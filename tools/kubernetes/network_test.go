package kubernetes_test

import (
	"fmt"
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// selected are the pods that labels select.
func (d *deployment) selected(selector labels.Selector) (found []pod) {
	for _, p := range d.pods {
		if selector.Matches(labels.Set(p.meta.Labels)) {
			found = append(found, p)
		}
	}
	return found
}

func (d *deployment) selectedBy(selector *metav1.LabelSelector, note noter) []pod {
	s, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		note("selector %v: %v", selector, err)
		return nil
	}
	return d.selected(s)
}

// hasPort reports whether all pods have a port.
func hasPort(pods []pod, port intstr.IntOrString) bool {
	for _, p := range pods {
		found := false
		for _, c := range p.spec.Containers {
			for _, has := range c.Ports {
				found = found || has.Name == port.StrVal || has.ContainerPort == port.IntVal
			}
		}
		if !found {
			return false
		}
	}
	return true
}

// address is where one part calls another: a Service's name and a port.
var address = regexp.MustCompile(`\b(onsale|prometheus|alertmanager|receiver|grafana|postgres):(\d{2,5})\b`)

// checkServices checks that Services lead to pods, and that what is called is a Service.
func (d *deployment) checkServices(note noter) {
	there := make(map[string]bool)
	for _, s := range d.services {
		for _, port := range s.Spec.Ports {
			there[fmt.Sprintf("%s:%d", s.Name, port.Port)] = true
		}
		if s.Spec.Type == corev1.ServiceTypeExternalName {
			there[s.Name+":9090"] = true // that of the operator
			continue
		}
		pods := d.selected(labels.SelectorFromSet(s.Spec.Selector))
		if len(pods) != 1 {
			note("Service %s selects the pods of %d objects", s.Name, len(pods))
		}
		for _, port := range s.Spec.Ports {
			if !hasPort(pods, port.TargetPort) {
				note("Service %s leads to port %s, which its pods do not have", s.Name, port.TargetPort.String())
			}
		}
	}
	for name, values := range d.values {
		for key, value := range values {
			// A dashboard has expressions such as "le:5".
			if strings.HasSuffix(key, ".json") {
				continue
			}
			for _, called := range address.FindAllString(value, -1) {
				if !there[called] {
					note("%s calls %s, which is not a Service", name, called)
				}
			}
		}
	}
	for _, route := range d.routes {
		for _, rule := range route.Spec.Rules {
			for _, to := range rule.BackendRefs {
				if to.Port == nil || !there[fmt.Sprintf("%s:%d", to.Name, *to.Port)] {
					note("HTTPRoute %s refers to %s, which is not a Service", route.Name, to.Name)
				}
			}
		}
	}
	for _, monitor := range d.monitors {
		found := false
		for _, s := range d.services {
			if monitor.Spec.Selector.MatchLabels["app.kubernetes.io/name"] == s.Labels["app.kubernetes.io/name"] {
				for _, port := range s.Spec.Ports {
					found = found || port.Name == monitor.Spec.Endpoints[0].Port
				}
			}
		}
		if !found {
			note("ServiceMonitor %s selects no Service with its port", monitor.Name)
		}
	}
}

// checkPolicies checks that each NetworkPolicy is about pods that there are. With an
// operator, Prometheus is in another namespace.
func (d *deployment) checkPolicies(note noter) {
	elsewhere := len(d.monitors) > 0
	for _, p := range d.policies {
		if elsewhere && p.Name == "prometheus" {
			continue
		}
		pods := d.selectedBy(&p.Spec.PodSelector, note)
		if len(pods) == 0 {
			note("NetworkPolicy %s selects no pod", p.Name)
		}
		for _, in := range p.Spec.Ingress {
			d.checkPeers(p.Name, in.From, elsewhere, note)
			d.checkPorts(p.Name, in.Ports, pods, note)
		}
		for _, out := range p.Spec.Egress {
			d.checkPorts(p.Name, out.Ports, d.checkPeers(p.Name, out.To, elsewhere, note), note)
		}
	}
}

// checkPeers returns the pods of this namespace among the peers.
func (d *deployment) checkPeers(policy string, peers []networkingv1.NetworkPolicyPeer, elsewhere bool, note noter) (found []pod) {
	for _, peer := range peers {
		if peer.PodSelector == nil {
			continue
		}
		pods := d.selectedBy(peer.PodSelector, note)
		if len(pods) == 0 && (peer.NamespaceSelector == nil || !elsewhere) {
			note("NetworkPolicy %s has a peer that selects no pod", policy)
		}
		found = append(found, pods...)
	}
	return found
}

func (d *deployment) checkPorts(policy string, ports []networkingv1.NetworkPolicyPort, pods []pod, note noter) {
	for _, port := range ports {
		if port.Port != nil && len(pods) > 0 && !hasPort(pods, *port.Port) {
			note("NetworkPolicy %s allows port %s, which the pods do not have", policy, port.Port.String())
		}
	}
}
