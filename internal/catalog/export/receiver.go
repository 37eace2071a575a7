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
	// URL is its address as seen from the sender, without the webhook's path;
	// empty: no receiver.
	URL string
	// TokenFile is the path of the file with the receiver's admin token, on the
	// sender's machine; empty: no token.
	TokenFile string
}

const (
	// receiverName is the name of the receiver in Alertmanager and of the contact point in
	// Grafana.
	receiverName = "onsale"
	// maxSent limits the alerts in a notification, so that its body stays below the
	// receiver's limit of 8 MB.
	maxSent = 1000
	// exampleReceiver is shown in error messages.
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

// validate returns an error that names the flag with an invalid value. It rejects
// the characters of templates and variables, which Alertmanager and Grafana would
// expand.
func (r Receiver) validate() error {
	if r.URL == "" {
		if r.TokenFile != "" {
			return errors.New("--receiver-token-file needs --receiver")
		}
		return nil
	}
	u, err := url.Parse(r.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || strings.ContainsAny(r.URL, "@?#{}$") || !isText(r.URL) {
		return fmt.Errorf("--receiver must be a URL such as %s, without a user, query, $ or braces", exampleReceiver)
	}
	if strings.Contains(u.Path, "/api/webhooks/") {
		return errors.New("--receiver must be the address of an onsale receiver. It must not be the URL of a Discord webhook, which is a secret")
	}
	if strings.Contains(r.TokenFile, "://") || strings.ContainsAny(r.TokenFile, "${}") || !isText(r.TokenFile) {
		return errors.New("--receiver-token-file must name a file on the sender's machine, without $ or braces")
	}
	return nil
}

// at returns the webhook URL for a sender.
func (r Receiver) at(sender string) string { return strings.TrimRight(r.URL, "/") + "/" + sender }

// webhook returns the receiver in Alertmanager's format.
func (r Receiver) webhook() webhookPart {
	w := webhookPart{URL: r.at("alertmanager"), MaxAlerts: maxSent}
	if r.TokenFile != "" {
		w.HTTP = &httpPart{authorizationPart{r.TokenFile}}
	}
	return w
}

// contactPoint returns the receiver in Grafana's format. Grafana reads the token
// file at its start.
func (r Receiver) contactPoint() contactPoint {
	settings := map[string]any{"url": r.at("grafana"), "httpMethod": "POST", "maxAlerts": strconv.Itoa(maxSent)}
	if r.TokenFile != "" {
		settings["authorization_scheme"] = "Bearer"
		settings["authorization_credentials"] = "$__file{" + r.TokenFile + "}"
	}
	return contactPoint{OrgID: 1, Name: receiverName, Receivers: []messenger{{UID: "onsale-receiver", Type: "webhook", Settings: settings}}}
}
