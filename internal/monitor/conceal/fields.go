package conceal

import (
	"strings"
	"sync"
)

// decision is how much of a field is shown.
type decision uint8

const (
	// unknown is a field that is in no list. Only numbers and booleans in it are shown.
	unknown decision = iota
	// open is a value without secrets, or a section whose fields have their own
	// decisions. User names, passwords and queries in URLs are hidden.
	open
	// labels is a mapping with keys that the user has chosen. A value is shown unless
	// its key is the name of a secret.
	labels
	// closed is a value, or a section, that is hidden.
	closed
)

// A field is identified by its key only, wherever it is. In each list, the fields of
// Prometheus come first, then those of Alertmanager. A test finds fields of the libraries
// that are in no list.
const (
	openFields = `
		global scrape_configs scrape_config_files rule_files static_configs file_sd_configs targets files refresh_interval storage tsdb exemplars
		scrape_interval scrape_timeout scrape_protocols evaluation_interval rule_query_offset query_log_file scrape_failure_log_file body_size_limit
		metric_name_validation_scheme metric_name_escaping_scheme job_name fallback_scrape_protocol metrics_path scheme
		relabel_configs metric_relabel_configs source_labels separator regex target_label replacement action
		basic_auth authorization type oauth2 tls_config username_file password_file credentials_file bearer_token_file client_secret_file client_certificate_key_file
		ca ca_file cert_file key_file server_name min_version max_version no_proxy proxy_url token_url scopes audience grant_type signature_algorithm
		out_of_order_time_window retention time size chunk_encoding floats runtime log_level
		otlp translation_strategy promote_resource_attributes ignore_resource_attributes

		route routes receivers inhibit_rules templates mute_time_intervals time_intervals active_time_intervals http_config smtp_tls_config threading thread_by_date
		discord_configs email_configs incidentio_configs pagerduty_configs slack_configs webhook_configs opsgenie_configs wechat_configs pushover_configs
		victorops_configs sns_configs telegram_configs webex_configs msteams_configs msteamsv2_configs jira_configs rocketchat_configs mattermost_configs
		resolve_timeout receiver group_by group_wait group_interval repeat_interval matchers source_matchers target_matchers equal name
		times start_time end_time weekdays days_of_month months years location
		smtp_from smtp_hello smtp_smarthost smarthost to from hello html text subject
		jira_api_url slack_app_url pagerduty_url opsgenie_api_url wechat_api_url victorops_api_url telegram_api_url webex_api_url rocketchat_api_url api_url app_url url
		slack_api_url_file slack_app_token_file opsgenie_api_key_file wechat_api_secret_file victorops_api_key_file telegram_bot_token_file rocketchat_token_file
		rocketchat_token_id_file mattermost_webhook_url_file smtp_auth_password_file smtp_auth_secret_file api_url_file app_token_file api_key_file api_secret_file
		bot_token_file chat_id_file token_file token_id_file user_key_file routing_key_file service_key_file webhook_url_file url_file alert_source_token_file
		auth_password_file auth_secret_file
		title title_link pretext message message_text footer footer_icon fallback color channel content avatar_url icon_emoji icon_url image_url thumb_url emoji
		author_name author_link author_icon attachments props card mrkdwn_in summary description template client client_url href src alt images links
		source severity class component group entity note priority responders message_type state_message entity_display_name monitoring_tool
		to_user to_party to_tag device sound url_title retry expire ttl parse_mode timeout
		api_type project issue_type reopen_transition resolve_transition wont_fix_resolution reopen_duration
		topic_arn target_arn region profile role_arn service_name session_name sigv4
	`
	labelFields = `external_labels labels match match_re source_match source_match_re target_match target_match_re`

	// Some of these are mappings whose keys or values the user has chosen. User names
	// count as secret because some services use a key as the user name. The last line
	// has sections that Onsale does not support.
	closedFields = `
		params http_headers proxy_connect_header endpoint_params claims iss username username_ref password password_ref credentials credentials_ref bearer_token
		client_id client_secret client_secret_ref client_certificate_key client_certificate_key_id client_certificate_key_ref ca_ref cert cert_ref key key_ref

		headers details custom_fields attributes payload fields tags actions callback_id
		api_key api_secret app_token bot_token token token_id user_key routing_key service_key alert_source_token webhook_url
		auth_username auth_password auth_secret auth_identity smtp_auth_username smtp_auth_password smtp_auth_secret smtp_auth_identity
		slack_api_url slack_app_token opsgenie_api_key wechat_api_secret wechat_api_corp_id victorops_api_key telegram_bot_token rocketchat_token rocketchat_token_id
		mattermost_webhook_url corp_id agent_id room_id phone_number id access_key secret_key external_id

		alerting remote_write remote_read tracing event_recorder
	`
)

// fields returns the decision on each field.
var fields = sync.OnceValue(func() map[string]decision {
	all := make(map[string]decision)
	for list, how := range map[string]decision{openFields: open, labelFields: labels, closedFields: closed} {
		for key := range strings.FieldsSeq(list) {
			all[key] = how
		}
	}
	return all
})
