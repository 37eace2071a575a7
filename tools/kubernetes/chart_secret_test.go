package kubernetes_test

import (
	"strings"
	"testing"

	"helm.sh/helm/v4/pkg/chart/common"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/engine"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/fake"
)

// cluster answers what a chart looks up.
type cluster struct{ client dynamic.Interface }

func (c cluster) GetClientFor(string, string) (dynamic.NamespaceableResourceInterface, bool, error) {
	return c.client.Resource(corev1.SchemeGroupVersion.WithResource("secrets")), true, nil
}

// withSecrets renders as `helm install` does, in a cluster that has Secrets, NAMESPACE/NAME: KEY KEY each.
func withSecrets(t *testing.T, secrets ...string) func(*chart.Chart, common.Values) (map[string]string, error) {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	var objects []runtime.Object
	for _, secret := range secrets {
		name, keys, _ := strings.Cut(secret, ": ")
		namespace, name, _ := strings.Cut(name, "/")
		data := make(map[string][]byte)
		for key := range strings.FieldsSeq(keys) {
			data[key] = []byte("x")
		}
		objects = append(objects, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Data: data})
	}
	there := cluster{fake.NewSimpleDynamicClient(scheme, objects...)}
	return func(c *chart.Chart, values common.Values) (map[string]string, error) {
		return engine.RenderWithClientProvider(c, values, there)
	}
}

// A Secret that is missing, or lacks a key, is an error that names all that is missing.
func TestChartWantsItsSecrets(t *testing.T) {
	t.Parallel()
	const (
		onsale   = "onsale/onsale: DATABASE_URL ONSALE_ADMIN_TOKEN"
		receiver = "onsale/receiver: ONSALE_ADMIN_TOKEN DISCORD_URL"
		grafana  = "onsale/grafana: GF_SECURITY_ADMIN_PASSWORD"
	)
	for name, c := range map[string]struct {
		secrets, values, want []string
	}{
		"all there": {secrets: []string{onsale, receiver, grafana}},
		"none": {want: []string{
			"database.existingSecret: the namespace onsale has no Secret onsale; it must have the key DATABASE_URL",
			"admin.existingSecret: the namespace onsale has no Secret onsale; it must have the key ONSALE_ADMIN_TOKEN",
			"receiver.existingSecret: the namespace onsale has no Secret receiver", "grafana.existingSecret: the namespace onsale has no Secret grafana",
			"kubectl -n onsale create secret generic",
		}},
		"none, unchecked":           {values: []string{"checkSecrets=false"}},
		"in another namespace":      {secrets: []string{"shop/onsale: DATABASE_URL ONSALE_ADMIN_TOKEN", receiver, grafana}, want: []string{"no Secret onsale"}},
		"without a key":             {secrets: []string{"onsale/onsale: DATABASE_URL", receiver, grafana}, want: []string{"admin.existingSecret: the Secret onsale of the namespace onsale lacks the key ONSALE_ADMIN_TOKEN"}},
		"empty":                     {secrets: []string{onsale, "onsale/receiver: ", grafana}, want: []string{"receiver.existingSecret: the Secret receiver of the namespace onsale lacks the key ONSALE_ADMIN_TOKEN"}},
		"the API alone":             {secrets: []string{onsale}, values: []string{"monitoring.enabled=false"}},
		"without Grafana":           {secrets: []string{onsale, receiver}, values: []string{"grafana.enabled=false"}},
		"others by name":            {secrets: []string{"onsale/db: uri", "onsale/tokens: admin"}, values: []string{"monitoring.enabled=false", "database.existingSecret=db", "database.secretKey=uri", "admin.existingSecret=tokens", "admin.secretKey=admin"}},
		"others by name, not there": {secrets: []string{onsale}, values: []string{"monitoring.enabled=false", "database.existingSecret=db"}, want: []string{"no Secret db"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := renderWith(t, loadChart(t), parseValues(t, c.values...), withSecrets(t, c.secrets...))
			switch {
			case len(c.want) == 0 && (err != nil || len(r.objects) == 0):
				t.Errorf("%d objects: %v", len(r.objects), err)
			case len(c.want) > 0 && err == nil:
				t.Error("no error")
			}
			for _, want := range c.want {
				if err != nil && !strings.Contains(err.Error(), want) {
					t.Errorf("want an error with %q, got %v", want, err)
				}
			}
		})
	}
}

// The database's URL and the admin token reach the API, whatever their Secrets and keys are called.
func TestSecretsReachTheAPI(t *testing.T) {
	t.Parallel()
	for values, want := range map[string]string{
		"":                            "configMapRef onsale, secretRef onsale",
		"admin.existingSecret=tokens": "configMapRef onsale, secretRef onsale, secretRef tokens",
		"database.secretKey=uri":      "DATABASE_URL=onsale/uri, configMapRef onsale, secretRef onsale",
		"admin.secretKey=a":           "ONSALE_ADMIN_TOKEN=onsale/a, configMapRef onsale, secretRef onsale",
		"admin.secretKey=a database.secretKey=uri database.existingSecret=db": "DATABASE_URL=db/uri, ONSALE_ADMIN_TOKEN=onsale/a, configMapRef onsale",
	} {
		d, wrong := decode(t, renderChart(t, strings.Fields(values)...).text(t))
		if len(wrong) > 0 {
			t.Fatal(wrong)
		}
		var got []string
		c := d.deployments[0].Spec.Template.Spec.Containers[0]
		for _, e := range c.Env {
			got = append(got, e.Name+"="+e.ValueFrom.SecretKeyRef.Name+"/"+e.ValueFrom.SecretKeyRef.Key)
		}
		for _, from := range c.EnvFrom {
			if from.ConfigMapRef != nil {
				got = append(got, "configMapRef "+from.ConfigMapRef.Name)
			}
			if from.SecretRef != nil {
				got = append(got, "secretRef "+from.SecretRef.Name)
			}
		}
		if text := strings.Join(got, ", "); text != want {
			t.Errorf("%q: the API reads %s, want %s", values, text, want)
		}
	}
}
