package export

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// Receiver is an `onsale receiver`, which delivers alerts to Discord.
type Receiver struct {
	// URL is where the sender reaches it, without the path of the webhook; empty: there is
	// none.
	URL string
	// TokenFile is the path of the file with the receiver's admin token, on the machine of
	// the sender; empty: it needs none.
	TokenFile string
}

const (
	// receiverName is the name of the receiver in Alertmanager and of the contact point in
	// Grafana.
	receiverName = "onsale"
	// maxSent is how many alerts a notification has at most, so that its body stays below
	// the receiver's limit of 8 MB.
	maxSent = 1000
	// exampleReceiver is shown in errors.
	exampleReceiver = "http://127.0.0.1:9095"
)

type (
	webhookPart struct {
		URL       string    `yaml:"url"`
		HTTP      *httpPart `yaml:"http_config,omitempty"`
		MaxAlerts int       `yaml:"max_alerts"`
	}
	httpPart struct {
		Authorization authorizationPart `yaml:"authorization"`
	}
	authorizationPart struct {
		CredentialsFile string `yaml:"credentials_file"`
	}
)

// validate returns an error that names the flag which makes no sense. Alertmanager and
// Grafana read templates and variables in some of the fields.
func (r Receiver) validate() error {
	if r.URL == "" {
		if r.TokenFile != "" {
			return errors.New("--receiver-token-file needs --receiver")
		}
		return nil
	}
	u, err := url.Parse(r.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || strings.ContainsAny(r.URL, "@?#{}$") || !isText(r.URL) {
		return fmt.Errorf("--receiver must look like %s, without user, query, $ and braces", exampleReceiver)
	}
	if strings.Contains(u.Path, "/api/webhooks/") {
		return errors.New("--receiver must be the address of an onsale receiver, not that of a webhook of Discord, which is a secret")
	}
	if strings.Contains(r.TokenFile, "://") || strings.ContainsAny(r.TokenFile, "${}") || !isText(r.TokenFile) {
		return errors.New("--receiver-token-file must name a file on the sender's machine, without $ and braces")
	}
	return nil
}

// at returns the URL of the webhook for a sender.
func (r Receiver) at(sender string) string { return strings.TrimRight(r.URL, "/") + "/" + sender }

// webhook is the receiver in Alertmanager's words.
func (r Receiver) webhook() webhookPart {
	w := webhookPart{URL: r.at("alertmanager"), MaxAlerts: maxSent}
	if r.TokenFile != "" {
		w.HTTP = &httpPart{authorizationPart{r.TokenFile}}
	}
	return w
}

// contactPoint is the receiver in Grafana's words. Grafana reads the file with the token
// at its start.
func (r Receiver) contactPoint() contactPoint {
	settings := map[string]any{"url": r.at("grafana"), "httpMethod": "POST", "maxAlerts": strconv.Itoa(maxSent)}
	if r.TokenFile != "" {
		settings["authorization_scheme"] = "Bearer"
		settings["authorization_credentials"] = "$__file{" + r.TokenFile + "}"
	}
	return contactPoint{OrgID: 1, Name: receiverName, Receivers: []messenger{{UID: "onsale-receiver", Type: "webhook", Settings: settings}}}
}
