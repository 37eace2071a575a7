package kubernetes_test

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// student is the namespace that the tests give the one student.
const student = "class-07"

// classTemplate returns one student's namespace, before the script writes names into it.
func classTemplate(t *testing.T) string {
	t.Helper()
	return build(t, filepath.Join(checkout(t), "kubernetes", "class"))
}

// classroom is one student's namespace.
type classroom struct {
	deployment
	quotas []*corev1.ResourceQuota
	limits []*corev1.LimitRange
	roles  []*rbacv1.Role
}

// checkClass returns what is wrong with a student's namespace, a line each.
func checkClass(t *testing.T, template string) []string {
	t.Helper()
	text := strings.NewReplacer("STUDENT_NAMESPACE", student, "CLASS_NAME", "class").Replace(template)
	d, wrong := decode(t, text)
	note := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	// What the student may make.
	d.values["Secret/discord"] = map[string]string{"DISCORD_URL": ""}
	c := classroom{deployment: d}
	c.sort(note)
	c.checkPods(t, note)
	c.checkReferences(note)
	c.checkListens(note)
	c.checkQuota(note)
	c.checkRights(note)
	c.checkNetwork(note)
	return wrong
}

// sort finds what a classroom consists of, and checks that all of it is in the student's namespace.
func (c *classroom) sort(note noter) {
	namespaces := 0
	for _, object := range c.objects {
		if object.GetNamespace() != student {
			if namespace, is := object.(*corev1.Namespace); is && namespace.Name == student {
				namespaces++
				if namespace.Labels["pod-security.kubernetes.io/enforce"] != "restricted" || namespace.Labels["onsale-class"] != "class" {
					note("the Namespace has the labels %v", namespace.Labels)
				}
				continue
			}
			note("%T %s is outside the student's namespace", object, object.GetName())
		}
		switch o := object.(type) {
		case *corev1.ResourceQuota:
			c.quotas = append(c.quotas, o)
		case *corev1.LimitRange:
			c.limits = append(c.limits, o)
		case *rbacv1.Role:
			c.roles = append(c.roles, o)
		case *rbacv1.ClusterRole, *rbacv1.ClusterRoleBinding:
			note("%T %s reaches beyond the namespace", o, object.GetName())
		}
	}
	if namespaces != 1 || len(c.quotas) != 1 || len(c.limits) != 1 || len(c.roles) != 1 || len(c.bindings) != 1 {
		note("there must be one Namespace, ResourceQuota, LimitRange, Role and RoleBinding")
	}
}

// checkListens checks that nobody but the student reaches the API, which has no admin token.
func (c *classroom) checkListens(note noter) {
	for name, values := range c.values {
		if strings.HasPrefix(name, "ConfigMap/") && values["ONSALE_LISTEN"] != "127.0.0.1:8000" {
			note("%s lets Onsale listen on %q", name, values["ONSALE_LISTEN"])
		}
	}
	for _, p := range c.pods {
		for _, container := range p.spec.Containers {
			for _, probe := range []*corev1.Probe{container.StartupProbe, container.ReadinessProbe, container.LivenessProbe} {
				if probe != nil && probe.Exec == nil {
					note("a probe of container %s comes from outside, where nothing listens", container.Name)
				}
			}
		}
	}
}

// checkQuota checks that the quota is enough for the student's Onsale and one pod of the student's own.
func (c *classroom) checkQuota(note noter) {
	if len(c.quotas) == 0 || len(c.limits) == 0 {
		return
	}
	hard, limit := c.quotas[0].Spec.Hard, c.limits[0].Spec.Limits[0]
	used := corev1.ResourceList{}
	add := func(name corev1.ResourceName, amount resource.Quantity) {
		sum := used[name]
		sum.Add(amount)
		used[name] = sum
	}
	addPod := func(requests, limits corev1.ResourceList) {
		add(corev1.ResourcePods, resource.MustParse("1"))
		for name, amount := range requests {
			add("requests."+name, amount)
		}
		for name, amount := range limits {
			add("limits."+name, amount)
		}
	}
	for _, d := range c.deployments {
		add("count/deployments.apps", resource.MustParse("1"))
		if d.Spec.Strategy.Type != "Recreate" {
			note("Deployment %s runs two versions at once in a rollout, each with a database of its own", d.Name)
		}
		for range *d.Spec.Replicas {
			for _, container := range d.Spec.Template.Spec.Containers {
				addPod(container.Resources.Requests, container.Resources.Limits)
				for name, most := range limit.Max {
					if amount := container.Resources.Limits[name]; amount.Cmp(most) > 0 || amount.IsZero() {
						note("container %s has the limit %s of %s, and a container may have %s", container.Name, amount.String(), name, most.String())
					}
				}
			}
		}
	}
	addPod(limit.DefaultRequest, limit.Default)
	for name := range c.values {
		kind, _, _ := strings.Cut(name, "/")
		add(corev1.ResourceName(strings.ToLower(kind)+"s"), resource.MustParse("1"))
	}
	add(corev1.ResourceConfigMaps, resource.MustParse("1")) // kube-root-ca.crt
	for name, amount := range used {
		if most, there := hard[name]; !there {
			note("the quota does not limit %s", name)
		} else if amount.Cmp(most) > 0 {
			note("the student's %s is %s, and the quota %s", name, amount.String(), most.String())
		}
	}
	for _, costly := range []corev1.ResourceName{"services.loadbalancers", "services.nodeports", "persistentvolumeclaims"} {
		if most, there := hard[costly]; !there || !most.IsZero() {
			note("the quota allows %s", costly)
		}
	}
	// Where a quota limits a resource, Kubernetes refuses pods that do not state it.
	for name := range hard {
		request, isRequest := strings.CutPrefix(string(name), "requests.")
		bound, isLimit := strings.CutPrefix(string(name), "limits.")
		_, requests := limit.DefaultRequest[corev1.ResourceName(request)]
		_, limits := limit.Default[corev1.ResourceName(bound)]
		if isRequest && !requests || isLimit && !limits {
			note("the quota limits %s, and a container that does not state it gets no default", name)
		}
	}
}

// What a student may change: nothing of it holds for other namespaces, gives rights or lifts a limit.
var changeable = []string{
	"pods", "pods/exec", "pods/attach", "pods/portforward", "pods/eviction", "services", "configmaps", "secrets",
	"deployments", "deployments/scale", "statefulsets", "statefulsets/scale", "replicasets", "jobs", "cronjobs",
}

// checkRights checks that the student gets the role, and that it cannot be used to get more.
func (c *classroom) checkRights(note noter) {
	for _, role := range c.roles {
		for _, rule := range role.Rules {
			reads := !slices.ContainsFunc(rule.Verbs, func(verb string) bool { return !slices.Contains([]string{"get", "list", "watch"}, verb) })
			for _, name := range rule.Resources {
				if !reads && !slices.Contains(changeable, name) {
					note("the student may %v %s", rule.Verbs, name)
				}
			}
			for _, all := range [][]string{rule.Verbs, rule.APIGroups, rule.Resources} {
				if slices.Contains(all, "*") {
					note("the student may do everything: %v", rule)
				}
			}
		}
	}
	for _, binding := range c.bindings {
		want := []rbacv1.Subject{{Kind: "ServiceAccount", Name: "student", Namespace: student}}
		if binding.RoleRef.Kind != "Role" || !slices.Equal(binding.Subjects, want) {
			note("RoleBinding %s binds %v to %v", binding.Name, binding.RoleRef, binding.Subjects)
		}
	}
}

// checkNetwork checks that pods of other namespaces reach none of the student's.
func (c *classroom) checkNetwork(note noter) {
	for _, policy := range c.policies {
		if len(policy.Spec.PodSelector.MatchLabels) > 0 || !slices.Contains(policy.Spec.PolicyTypes, networkingv1.PolicyTypeIngress) {
			note("NetworkPolicy %s is not about what reaches all pods", policy.Name)
		}
		for _, rule := range policy.Spec.Ingress {
			if len(rule.From) == 0 || slices.ContainsFunc(rule.From, func(peer networkingv1.NetworkPolicyPeer) bool {
				return peer.NamespaceSelector != nil || peer.IPBlock != nil
			}) {
				note("NetworkPolicy %s lets in others than the student's pods", policy.Name)
			}
		}
	}
	if len(c.policies) == 0 {
		note("there is no NetworkPolicy")
	}
}

// A student's namespace is right, its quota covers what is in it, and its rights end there.
func TestClassIsRight(t *testing.T) {
	t.Parallel()
	for _, wrong := range checkClass(t, classTemplate(t)) {
		t.Error(wrong)
	}
}

// Each rule finds what breaks it.
func TestMistakesInAClassAreFound(t *testing.T) {
	t.Parallel()
	template := classTemplate(t)
	for name, c := range map[string]struct{ pattern, with, want string }{
		"unknown field":       {"spec:\n  hard:", "spec:\n  hart: {}\n  hard:", "unknown field"},
		"quota of cpu":        {"requests.cpu: 250m", "requests.cpu: 110m", "the student's requests.cpu is 125m"},
		"quota of memory":     {"limits.memory: 1Gi", "limits.memory: 600Mi", "the student's limits.memory"},
		"quota of pods":       {`pods: "6"`, `pods: "1"`, "the student's pods is 2"},
		"quota of secrets":    {`secrets: "10"`, `secrets: "0"`, "the student's secrets is 1"},
		"no quota":            {`    limits.cpu: "2"\n`, "", "does not limit limits.cpu"},
		"replicas":            {"replicas: 1", "replicas: 3", "the student's requests.cpu"},
		"load balancers":      {`services.loadbalancers: "0"`, `services.loadbalancers: "1"`, "allows services.loadbalancers"},
		"no default":          {`(?s)defaultRequest:\n      cpu: 25m\n`, "defaultRequest:\n", "gets no default"},
		"more than a maximum": {`max:\n      cpu: "1"`, "max:\n      cpu: 500m", "a container may have 500m"},
		"rolling":             {"type: Recreate", "type: RollingUpdate", "runs two versions"},
		"root":                {"runAsNonRoot: true", "runAsNonRoot: false", "restricted"},
		"not restricted":      {"enforce: restricted", "enforce: baseline", "has the labels"},
		"no label":            {"onsale-class: CLASS_NAME", "onsale-course: CLASS_NAME", "has the labels"},
		"everything":          {`- pods/log`, `- "*"`, "may do everything"},
		"rights on the quota": {`- cronjobs\n`, "- cronjobs\n  - resourcequotas\n", "resourcequotas"},
		"cluster role":        {"kind: Role\n  name: student", "kind: ClusterRole\n  name: edit", "binds"},
		"other subject":       {"- kind: ServiceAccount\n  name: student\n  namespace: STUDENT_NAMESPACE", "- kind: ServiceAccount\n  name: student\n  namespace: other", "binds"},
		"other namespace":     {"(kind: ServiceAccount\nmetadata:\n(?:  .*\n)*?)  namespace: STUDENT_NAMESPACE", "${1}  namespace: other", "outside the student's namespace"},
		"open network":        {"- from:\n    - podSelector: {}", "- from:\n    - namespaceSelector: {}", "lets in others"},
		"no settings":         {"name: onsale-[a-z0-9]{10}\n    ", "name: settings\n    ", "reads"},
		"open API":            {"ONSALE_LISTEN: 127.0.0.1:8000", "ONSALE_LISTEN: :8000", "lets Onsale listen"},
		"probe from outside":  {"exec:\n( +)  command:\n(?: +- .*\n)+ +failureThreshold: 6", "httpGet:\n${1}  path: /health\n${1}  port: http\n${1}failureThreshold: 6", "comes from outside"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			broken := regexp.MustCompile(c.pattern).ReplaceAllString(template, c.with)
			if broken == template {
				t.Fatalf("%q is not there", c.pattern)
			}
			if wrong := strings.Join(checkClass(t, broken), "\n"); !strings.Contains(wrong, c.want) {
				t.Errorf("want a message with %q, got:\n%s", c.want, wrong)
			}
		})
	}
}
