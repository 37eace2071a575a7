// Package compose_test checks the Compose file and what it reads. `make compose-test` runs it with a real
// Docker Engine.
package compose_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/promslog"
	"github.com/prometheus/prometheus/config"
	_ "github.com/prometheus/prometheus/discovery/dns"  // what prometheus.yml names
	_ "github.com/prometheus/prometheus/discovery/file" // the same
	"go.yaml.in/yaml/v3"
)

// service is what the tests read of a service.
type service struct {
	Image     string
	Ports     []string
	Volumes   []string
	EnvFile   []string `yaml:"env_file"`
	ReadOnly  bool     `yaml:"read_only"`
	CapDrop   []string `yaml:"cap_drop"`
	Security  []string `yaml:"security_opt"`
	Profiles  []string
	DependsOn map[string]struct{ Condition string } `yaml:"depends_on"`
	Deploy    struct {
		Resources struct{ Limits struct{ CPUs, Memory string } }
	}
}

// services returns those of compose.yaml.
func services(t *testing.T) map[string]service {
	t.Helper()
	var file struct{ Services map[string]service }
	decode(t, "compose.yaml", &file)
	if len(file.Services) < 7 {
		t.Fatalf("found the services %v: this test looks in the wrong place", file.Services)
	}
	return file.Services
}

// decode reads a YAML file.
func decode(t *testing.T, name string, into any) {
	t.Helper()
	if err := yaml.Unmarshal(read(t, name), into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// read returns a file.
func read(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// Every port is published on 127.0.0.1: anyone who reaches the API may make admin calls.
func TestPortsArePublishedOnLoopback(t *testing.T) {
	t.Parallel()
	published := 0
	for name, s := range services(t) {
		for _, port := range s.Ports {
			published++
			if !regexp.MustCompile(`^127\.0\.0\.1:\$\{[A-Z]+_PORT-\d+\}:\d+$`).MatchString(port) {
				t.Errorf("%s publishes %q, want 127.0.0.1:${NAME_PORT-…}:…", name, port)
			}
		}
	}
	if published != 5 {
		t.Errorf("%d ports are published, want 5", published)
	}
}

// Services run with as little as they need, and with a limit on what they take.
func TestServicesAreConfined(t *testing.T) {
	t.Parallel()
	for name, s := range services(t) {
		if !s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"}) || !slices.Equal(s.Security, []string{"no-new-privileges:true"}) {
			t.Errorf("%s: read_only %t, cap_drop %v, security_opt %v", name, s.ReadOnly, s.CapDrop, s.Security)
		}
		if limits := s.Deploy.Resources.Limits; limits.CPUs == "" || limits.Memory == "" {
			t.Errorf("%s has the limits %+v, want both", name, limits)
		}
	}
	if limits := services(t)["postgres"].Deploy.Resources.Limits; limits.CPUs != "0.25" || limits.Memory != "256M" {
		t.Errorf("PostgreSQL has the limits %+v, want a quarter of a processor and 256 MB", limits)
	}
}

// What one service needs of another is that it is healthy.
func TestServicesStartByHealth(t *testing.T) {
	t.Parallel()
	all := services(t)
	for name, s := range all {
		for other, d := range s.DependsOn {
			if d.Condition != "service_healthy" {
				t.Errorf("%s needs %s to be %q, want service_healthy", name, other, d.Condition)
			}
		}
	}
	for name, other := range map[string]string{
		"onsale": "postgres", "prometheus": "onsale", "alertmanager": "receiver", "grafana": "prometheus", "stress": "onsale",
	} {
		if _, ok := all[name].DependsOn[other]; !ok {
			t.Errorf("%s does not wait for %s", name, other)
		}
	}
	if !slices.Equal(all["stress"].Profiles, []string{"stress"}) {
		t.Errorf("the load test is in the profiles %v", all["stress"].Profiles)
	}
}

// Images have the tags that Kubernetes has, and no other's tag moves.
func TestImagesAreThoseOfKubernetes(t *testing.T) {
	t.Parallel()
	image := regexp.MustCompile(`(?m)^\s*(?:- )?image: "?([^"\s]+)`)
	there := make(map[string]bool)
	err := filepath.WalkDir("../kubernetes", func(path string, _ fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".yaml" {
			for _, found := range image.FindAllSubmatch(read(t, path), -1) {
				there[string(found[1])] = true
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range services(t) {
		if s.Image == "${ONSALE_IMAGE:-onsale:dev}" {
			continue // it is built here
		}
		if !there[s.Image] {
			t.Errorf("%s runs %s, and deploy/kubernetes has %v", name, s.Image, there)
		}
	}
}

// alternatives are the positions of the switch, the default first.
var alternatives = []string{"prometheus", "grafana"}

// Each file that a service reads exists, for both values of ALERTS.
func TestFilesAreThere(t *testing.T) {
	t.Parallel()
	mounted := 0
	for name, s := range services(t) {
		files := slices.Clone(s.EnvFile)
		for _, v := range s.Volumes {
			if source, rest, _ := strings.Cut(v, ":/"); strings.HasPrefix(source, ".") {
				files = append(files, source)
				if !strings.HasSuffix(rest, ":ro") {
					t.Errorf("%s may write to %s", name, source)
				}
			}
		}
		mounted += len(files)
		for _, file := range files {
			for _, position := range alternatives {
				file := strings.ReplaceAll(file, "${ALERTS:-prometheus}", position)
				if _, err := os.Stat(file); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
	}
	if mounted < 15 {
		t.Errorf("%d files are mounted: this test looks in the wrong place", mounted)
	}
}

// In each position of the switch, one of the two sends.
func TestOneSideSendsAlerts(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("alerts/*")
	if err != nil || len(files) != 2*len(alternatives) {
		t.Fatalf("the files of the switch are %v: %v", files, err)
	}
	for _, position := range alternatives {
		var groups []struct{ Targets []string }
		decode(t, "alerts/"+position+".yml", &groups)
		prometheus := len(groups) > 0 && slices.Equal(groups[0].Targets, []string{"alertmanager:9093"})
		grafana := bytes.Contains(read(t, "alerts/"+position+".env"), []byte("\nGF_UNIFIED_ALERTING_EXECUTE_ALERTS=true\n"))
		if prometheus != (position == "prometheus") || grafana != (position == "grafana") {
			t.Errorf("ALERTS=%s: Prometheus sends: %t, Grafana sends: %t", position, prometheus, grafana)
		}
	}
}

// The configuration of Prometheus is one that its release reads, and what it has in common with the generated
// one is equal.
func TestPrometheusIsConfiguredAsGenerated(t *testing.T) {
	t.Parallel()
	loaded, err := config.LoadFile("prometheus.yml", false, promslog.NewNopLogger())
	if err != nil {
		t.Fatal(err)
	}
	jobs := make(map[string]bool)
	for _, c := range loaded.ScrapeConfigs {
		jobs[c.JobName] = true
	}
	type file struct {
		Global map[string]string
		Scrape []struct {
			Name   string                       `yaml:"job_name"`
			Static []struct{ Targets []string } `yaml:"static_configs"`
		} `yaml:"scrape_configs"`
	}
	var ours, generated file
	decode(t, "prometheus.yml", &ours)
	decode(t, "../prometheus/prometheus.yml", &generated)
	if !reflect.DeepEqual(ours.Global, generated.Global) || len(ours.Global) == 0 {
		t.Errorf("global settings are %v, the generated ones %v", ours.Global, generated.Global)
	}
	if ours.Scrape[0].Name != generated.Scrape[0].Name {
		t.Errorf("the first job is %s, the generated one %s", ours.Scrape[0].Name, generated.Scrape[0].Name)
	}
	for _, job := range []string{"own", "stress", "receiver", "alertmanager"} {
		if !jobs[job] {
			t.Errorf("Prometheus has no job %s", job)
		}
	}
}

// Each variable without a default is in the example of .env, and so is the default of the switch.
func TestExampleHasTheVariables(t *testing.T) {
	t.Parallel()
	example := string(read(t, ".env.example"))
	for _, found := range regexp.MustCompile(`\$\{(\w+)(:[-?][^}]*)?\}`).FindAllStringSubmatch(string(read(t, "compose.yaml")), -1) {
		name := found[1]
		tuned := strings.HasPrefix(name, "STRESS_") || name == "ONSALE_IMAGE"
		if !tuned && !strings.Contains(example, "\n"+name+"=") {
			t.Errorf(".env.example has no %s", name)
		}
	}
	if !strings.Contains(example, "\nALERTS="+alternatives[0]+"\n") {
		t.Errorf(".env.example does not have ALERTS=%s", alternatives[0])
	}
}
