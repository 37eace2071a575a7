package kubernetes_test

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// checkContainers checks images, probes and resources.
func (p pod) checkContainers(note noter) {
	for _, c := range append(p.spec.InitContainers, p.spec.Containers...) {
		name, tag, _ := strings.Cut(c.Image[strings.LastIndex(c.Image, "/")+1:], ":")
		if name == "" || tag == "" || tag == "latest" {
			note("%s: image %s has no version", p.of, c.Image)
		}
		if !p.job && (c.StartupProbe == nil || c.ReadinessProbe == nil || c.LivenessProbe == nil) {
			note("%s: container %s lacks a startup, readiness or liveness probe", p.of, c.Name)
		}
		for _, resource := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
			request, limit := c.Resources.Requests[resource], c.Resources.Limits[resource]
			if request.Sign() <= 0 || limit.Sign() <= 0 {
				note("%s: container %s lacks a request or limit of %s", p.of, c.Name, resource)
			}
		}
		if s := c.SecurityContext; s == nil || s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem {
			note("%s: container %s may write to its image", p.of, c.Name)
		}
		for _, probe := range []*corev1.Probe{c.StartupProbe, c.ReadinessProbe, c.LivenessProbe} {
			if probe != nil && probe.HTTPGet != nil && !hasPort([]pod{p}, probe.HTTPGet.Port) {
				note("%s: a probe asks port %s, which container %s does not have", p.of, probe.HTTPGet.Port.String(), c.Name)
			}
		}
	}
}

// checkReferences checks that everything that pods read exists, and that pods read every object.
func (d *deployment) checkReferences(note noter) {
	used := make(map[string]bool)
	need := func(p pod, name string, keys ...string) {
		used[name] = true
		values, there := d.values[name]
		if !there {
			note("%s reads %s, which does not exist", p.of, name)
			return
		}
		for _, key := range keys {
			if _, there := values[key]; !there {
				note("%s reads the key %s, which %s does not have", p.of, key, name)
			}
		}
	}
	for _, p := range d.pods {
		for _, c := range p.spec.Containers {
			for _, from := range c.EnvFrom {
				if from.ConfigMapRef != nil {
					need(p, "ConfigMap/"+from.ConfigMapRef.Name)
				}
				if from.SecretRef != nil {
					need(p, "Secret/"+from.SecretRef.Name)
				}
			}
			for _, e := range c.Env {
				if e.ValueFrom != nil && e.ValueFrom.SecretKeyRef != nil {
					need(p, "Secret/"+e.ValueFrom.SecretKeyRef.Name, e.ValueFrom.SecretKeyRef.Key)
				}
			}
		}
		for _, v := range p.spec.Volumes {
			if v.ConfigMap != nil {
				need(p, "ConfigMap/"+v.ConfigMap.Name)
			}
			if v.Secret != nil {
				var keys []string
				for _, item := range v.Secret.Items {
					keys = append(keys, item.Key)
				}
				need(p, "Secret/"+v.Secret.SecretName, keys...)
			}
			if v.Projected != nil {
				for _, source := range v.Projected.Sources {
					if source.ConfigMap != nil {
						need(p, "ConfigMap/"+source.ConfigMap.Name)
					}
				}
			}
		}
	}
	for name := range d.values {
		if !used[name] {
			note("no pod reads %s", name)
		}
	}
}
