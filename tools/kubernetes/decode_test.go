package kubernetes_test

import (
	"maps"
	"regexp"
	"strings"
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// hash is what Kustomize adds to the name of what it generates.
var hash = regexp.MustCompile(`-[2-9b-z]{10}$`)

// decoder knows every kind that is deployed, and refuses fields that a kind does not have.
func decoder(t *testing.T) runtime.Decoder {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		corev1.AddToScheme, appsv1.AddToScheme, batchv1.AddToScheme, autoscalingv2.AddToScheme, policyv1.AddToScheme,
		networkingv1.AddToScheme, rbacv1.AddToScheme, gatewayv1.Install, monitoringv1.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	return serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
}

// pod is the template of a pod, and what makes pods of it.
type pod struct {
	of   string // kind/name
	meta metav1.ObjectMeta
	spec corev1.PodSpec
	job  bool // it ends by itself
}

// deployment is what an overlay consists of.
type deployment struct {
	objects     []metav1.Object
	pods        []pod
	services    []*corev1.Service
	policies    []*networkingv1.NetworkPolicy
	budgets     []*policyv1.PodDisruptionBudget
	autoscalers []*autoscalingv2.HorizontalPodAutoscaler
	bindings    []*rbacv1.RoleBinding
	deployments []*appsv1.Deployment
	jobs        []*batchv1.Job
	monitors    []*monitoringv1.ServiceMonitor
	routes      []*gatewayv1.HTTPRoute
	// values are the keys and values of each ConfigMap and Secret, by kind/name.
	values map[string]map[string]string
}

// decode reads objects strictly. It reports unreadable ones in wrong.
func decode(t *testing.T, text string) (d deployment, wrong []string) {
	t.Helper()
	d.values = make(map[string]map[string]string)
	codec := decoder(t)
	for document := range strings.SplitSeq(text, "\n---\n") {
		object, kind, err := codec.Decode([]byte(document), nil, nil)
		if err != nil {
			wrong = append(wrong, err.Error())
			continue
		}
		meta, ok := object.(metav1.Object)
		if !ok {
			t.Fatalf("%s has no metadata", kind)
		}
		d.objects = append(d.objects, meta)
		if len(document) > maxApplied {
			wrong = append(wrong, kind.Kind+" "+meta.GetName()+" is too large for kubectl apply, which notes it in an annotation")
		}
		d.add(kind.Kind+"/"+meta.GetName(), object)
	}
	return d, wrong
}

// maxApplied is how large the annotations of an object may be in all, in bytes.
const maxApplied = 256 << 10

func (d *deployment) add(name string, object runtime.Object) {
	switch o := object.(type) {
	case *appsv1.Deployment:
		d.deployments = append(d.deployments, o)
		d.pods = append(d.pods, pod{name, o.Spec.Template.ObjectMeta, o.Spec.Template.Spec, false})
	case *appsv1.StatefulSet:
		d.pods = append(d.pods, pod{name, o.Spec.Template.ObjectMeta, o.Spec.Template.Spec, false})
	case *batchv1.Job:
		d.jobs = append(d.jobs, o)
		d.pods = append(d.pods, pod{name, o.Spec.Template.ObjectMeta, o.Spec.Template.Spec, true})
	case *corev1.Pod:
		d.pods = append(d.pods, pod{name, o.ObjectMeta, o.Spec, true})
	case *corev1.Service:
		d.services = append(d.services, o)
	case *corev1.ConfigMap:
		d.values[name] = maps.Clone(o.Data)
	case *corev1.Secret:
		d.values[name] = make(map[string]string)
		for key, value := range o.Data {
			d.values[name][key] = string(value)
		}
	case *networkingv1.NetworkPolicy:
		d.policies = append(d.policies, o)
	case *policyv1.PodDisruptionBudget:
		d.budgets = append(d.budgets, o)
	case *autoscalingv2.HorizontalPodAutoscaler:
		d.autoscalers = append(d.autoscalers, o)
	case *rbacv1.RoleBinding:
		d.bindings = append(d.bindings, o)
	case *monitoringv1.ServiceMonitor:
		d.monitors = append(d.monitors, o)
	case *gatewayv1.HTTPRoute:
		d.routes = append(d.routes, o)
	}
}

// names maps kind/name without its hash to the name with it.
func names(t *testing.T, text string) map[string]string {
	t.Helper()
	d, wrong := decode(t, text)
	if len(wrong) > 0 {
		t.Fatal(wrong)
	}
	found := make(map[string]string)
	for name := range d.values {
		found[hash.ReplaceAllString(name, "")] = name
	}
	return found
}
