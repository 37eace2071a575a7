package stresscmd_test

import (
	"reflect"
	"strings"
	"testing"

	"onsale/cmd/onsale/internal/stresscmd"
	"onsale/internal/stress/result"
)

// TestSettings: the recorded settings of a run are those of its flags. Settings without a flag,
// and those of another load model, are left to the engine.
func TestSettings(t *testing.T) {
	t.Parallel()
	for flags, want := range map[string]result.Settings{
		"": {StopTimeout: "10s", Timeout: "30s"},
		"--users=5 --spawn-rate=2.5 --run-time=1m --stop-timeout=2s --timeout=3s --seed=7 --worker=1/2 --fail-if=p95>1s --fail-if=rps<1 --abort --warm-up=5s --reset-stats": {
			Users: 5, SpawnRate: 2.5, RunTime: "1m", StopTimeout: "2s", Timeout: "3s", Seed: 7, Worker: "1/2",
			FailIf: []string{"p95>1s", "rps<1"}, Abort: true, WarmUp: "5s", ResetStats: true,
		},
		"--rate=500/s --arrivals=poisson --max-in-flight=9": {Rate: 500, Arrivals: "poisson", MaxInFlight: 9, StopTimeout: "10s", Timeout: "30s"},
		"--stages=30s:100/s": {Shape: "stages 30s:100/s", Arrivals: "constant", MaxInFlight: 10_000, StopTimeout: "10s", Timeout: "30s"},
		"--ramp=1:5:1m":      {Shape: "ramp 1:5:1m", StopTimeout: "10s", Timeout: "30s"},
		"--spike=1:5:1m:1m":  {Shape: "spike 1:5:1m:1m", StopTimeout: "10s", Timeout: "30s"},
		"--steps=1:5:1:1m":   {Shape: "steps 1:5:1:1m", StopTimeout: "10s", Timeout: "30s"},
	} {
		got, err := stresscmd.Settings(parse(t, strings.Fields(flags)...))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v, want %+v", flags, got, err, want)
		}
	}
}
