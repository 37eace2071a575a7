package deploy_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"onsale/internal/app/apptest"
	"onsale/internal/fault"
)

// kubectl is a stand-in for the command of that name. Its Services connect to servers of the test.
const kubectl = `#!/usr/bin/env bash
[ "$1 $2 $3 $4" = "--context the-cluster --namespace onsale" ] || { echo "kubectl: $*" >&2; exit 1; }
shift 4
case "$*" in
"apply -k "*) [ -s "$3/onsale.env" ] ;;
"get deployment,statefulset -o name") printf '%%s\n' deployment.apps/onsale statefulset.apps/postgres ;;
"rollout status deployment.apps/onsale "*) ;;
"rollout status statefulset.apps/postgres "*) %s ;;
"get deployment onsale -o jsonpath"*) echo 3 ;;
"port-forward service/onsale :80") echo "Forwarding from %s -> 8000"; exec sleep 59 ;;
"port-forward service/prometheus :9090") echo "Forwarding from %s -> 9090"; exec sleep 59 ;;
*) echo "kubectl: $*" >&2; exit 1 ;;
esac
`

// TestKubernetesCheck runs scripts/kubernetes-check.sh on a real server, with no cluster around it.
func TestKubernetesCheck(t *testing.T) {
	t.Parallel()
	api := strings.TrimPrefix(apptest.Serve(t, fault.Plan{}), "http://")
	prometheus := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/v1/query" || r.URL.Query().Get("query") != `count(up{job="ticket_system"} == 1)` {
			t.Errorf("Prometheus is asked for %s", r.URL)
		}
		fmt.Fprint(w, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1764331200,"3"]}]}}`)
	}))
	t.Cleanup(prometheus.Close)
	for name, c := range map[string]struct {
		rollout string // what kubectl rollout status does
		token   string // in the overlay's Secret
		want    string
	}{
		"a cluster":               {"", apptest.AdminToken, "kubernetes-check: ok"},
		"a pod that is not ready": {"echo timed out; exit 1", apptest.AdminToken, "timed out"},
		"another token":           {"", "wrong", "returned error: 401"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bin, overlay := t.TempDir(), t.TempDir()
			stub := fmt.Sprintf(kubectl, c.rollout, api, strings.TrimPrefix(prometheus.URL, "http://"))
			write(t, filepath.Join(bin, "kubectl"), stub, 0o755)
			write(t, filepath.Join(overlay, "onsale.env.example"), "ONSALE_ADMIN_TOKEN="+c.token+"\n", 0o600)
			out, err := script(t, []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "OVERLAY=" + overlay, "WITHOUT_GRAFANA=1"}, "kubernetes-check.sh", "the-cluster")
			if ok := name == "a cluster"; (err == nil) != ok || !strings.Contains(out, c.want) || strings.Contains(out, "kubernetes-check: ok") != ok {
				t.Errorf("%v, want %q in\n%s", err, c.want, out)
			}
		})
	}
}

func write(t *testing.T, name, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}
