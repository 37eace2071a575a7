package kubernetes_test

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

// check returns what is wrong with the objects of an overlay, a line each.
func check(t *testing.T, text string) []string {
	t.Helper()
	d, wrong := decode(t, text)
	note := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	d.checkNames(note)
	d.checkPods(t, note)
	d.checkReferences(note)
	d.checkServices(note)
	d.checkPolicies(note)
	d.checkScaling(note)
	d.checkStop(t, note)
	d.checkWorkers(note)
	return wrong
}

type noter func(format string, args ...any)

// checkPods checks each pod by itself: Pod Security, containers, and what Kubernetes puts into it.
func (d *deployment) checkPods(t *testing.T, note noter) {
	t.Helper()
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range d.pods {
		results := evaluator.EvaluatePod(api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}, &p.meta, &p.spec)
		if all := policy.AggregateCheckResults(results); !all.Allowed {
			note("%s breaks the restricted Pod Security standard: %s", p.of, all.ForbiddenDetail())
		}
		p.checkContainers(note)
		if p.spec.EnableServiceLinks == nil || *p.spec.EnableServiceLinks {
			note("%s gets environment variables of Services, some of which look like Onsale's flags", p.of)
		}
		if token := p.spec.AutomountServiceAccountToken; p.spec.ServiceAccountName == "" && (token == nil || *token) {
			note("%s gets a token of the Kubernetes API, and has no account of its own", p.of)
		}
	}
}

// checkNames checks the namespace of all objects, and the hashes of what is generated.
func (d *deployment) checkNames(note noter) {
	const namespace = "onsale"
	for _, o := range d.objects {
		if _, cluster := o.(*corev1.Namespace); cluster {
			if o.GetName() != namespace {
				note("the Namespace is called %s", o.GetName())
			}
		} else if o.GetNamespace() != namespace {
			note("%T %s is in the namespace %q", o, o.GetName(), o.GetNamespace())
		}
		if o.GetLabels()["app.kubernetes.io/part-of"] == "" && !hash.MatchString(o.GetName()) {
			note("%T %s lacks the label part-of", o, o.GetName())
		}
	}
	for name := range d.values {
		if !hash.MatchString(name) {
			note("%s has no hash in its name: a change would not roll out", name)
		}
	}
	for _, b := range d.bindings {
		for _, s := range b.Subjects {
			if s.Namespace != namespace {
				note("RoleBinding %s has a subject in the namespace %q", b.Name, s.Namespace)
			}
		}
	}
}

// checkScaling checks that one thing alone says how many replicas there are.
func (d *deployment) checkScaling(note noter) {
	scaled := make(map[string]bool)
	for _, a := range d.autoscalers {
		scaled[a.Spec.ScaleTargetRef.Name] = true
		if a.Spec.MinReplicas == nil || *a.Spec.MinReplicas < 2 || *a.Spec.MinReplicas >= a.Spec.MaxReplicas {
			note("HorizontalPodAutoscaler %s has no range from 2 replicas on", a.Name)
		}
	}
	for _, o := range d.deployments {
		switch {
		case scaled[o.Name] && o.Spec.Replicas != nil:
			note("Deployment %s sets replicas although it has an autoscaler", o.Name)
		case scaled[o.Name] && len(o.Spec.Template.Spec.TopologySpreadConstraints) == 0:
			note("Deployment %s is not spread", o.Name)
		case !scaled[o.Name] && (o.Spec.Replicas == nil || *o.Spec.Replicas < 2):
			note("Deployment %s has a single replica", o.Name)
		}
		delete(scaled, o.Name)
	}
	for name := range scaled {
		note("the autoscaler's Deployment %s does not exist", name)
	}
	for _, b := range d.budgets {
		if len(d.selectedBy(b.Spec.Selector, note)) != 1 {
			note("PodDisruptionBudget %s selects no pod", b.Name)
		}
	}
}

// rest is how long a stop takes beyond the drain delay and the requests in flight at most:
// docs/architecture.md.
const rest = 14 * time.Second

// checkStop checks that pods get the time that a stop takes.
func (d *deployment) checkStop(t *testing.T, note noter) {
	t.Helper()
	for _, o := range d.deployments {
		settings := d.values["ConfigMap/"+o.Spec.Template.Spec.Containers[0].EnvFrom[0].ConfigMapRef.Name]
		stop := rest
		for _, name := range []string{"ONSALE_DRAIN_DELAY", "ONSALE_SHUTDOWN_TIMEOUT"} {
			part, err := time.ParseDuration(settings[name])
			if err != nil {
				note("%s: %v", name, err)
			}
			stop += part
		}
		grace := o.Spec.Template.Spec.TerminationGracePeriodSeconds
		if grace == nil || time.Duration(*grace)*time.Second <= stop {
			note("Deployment %s is killed before the %s that a stop takes", o.Name, stop)
		}
	}
}

// checkWorkers checks that a load test has as many workers as their flags say.
func (d *deployment) checkWorkers(note noter) {
	for _, job := range d.jobs {
		want := "--worker=$(JOB_COMPLETION_INDEX)/" + strconv.Itoa(int(*job.Spec.Completions))
		if *job.Spec.Parallelism != *job.Spec.Completions {
			note("Job %s does not run all workers at once", job.Name)
		}
		if !slices.Contains(job.Spec.Template.Spec.Containers[0].Args, want) {
			note("Job %s lacks %s", job.Name, want)
		}
	}
}
