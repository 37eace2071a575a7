package server

import (
	"net/http"
	"strings"
)

// proxyHeaders are the headers that proxies add, in canonical form. An entry that ends
// with a hyphen is a prefix. Clients without a proxy do not send them.
var proxyHeaders = []string{
	"Forwarded",           // RFC 7239
	"Via",                 // RFC 9110, 7.6.3
	"Cdn-Loop",            // RFC 8586
	"X-Forwarded",         // its predecessors, which most proxies send
	"X-Forwarded-",        //
	"X-Real-Ip",           // nginx's documentation, Traefik
	"X-Client-Ip",         // Apache's mod_remoteip, Azure
	"X-Remote-Ip",         // appliances
	"X-Remote-Addr",       //
	"X-Cluster-Client-Ip", // Rackspace, Riverbed, Zeus
	"X-Proxyuser-Ip",      // Google's services
	"X-Proxy-",            //
	"X-Originating-",      //
	"X-Original-",         // IIS, Azure Front Door, ingress-nginx
	"X-Rewrite-Url",       // IIS
	"X-Arr-",              // IIS with Application Request Routing
	"X-Request-Id",        // Envoy, Heroku, ingress-nginx, HAProxy's documentation
	"X-Request-Start",     // Heroku, New Relic's set-up of nginx and Apache
	"X-Scheme",            // ingress-nginx
	"X-Nginx-Proxy",       // a widely copied nginx configuration
	"X-Varnish",           // Varnish
	"X-Envoy-",            // Envoy, Istio, Contour
	"X-Kong-",             // Kong
	"X-Amzn-",             // AWS load balancers and API Gateway
	"X-Amz-Cf-",           // AWS CloudFront
	"Cloudfront-",         //
	"X-Azure-",            // Azure Front Door
	"X-Appengine-",        // Google App Engine
	"X-Cloud-Trace-",      // Google Cloud's load balancers
	"Cf-",                 // Cloudflare: CF-Connecting-IP, CF-Ray, CF-Visitor
	"True-Client-Ip",      // Akamai, Cloudflare
	"X-Akamai-",           // Akamai
	"Akamai-",             //
	"Fastly-",             // Fastly: Fastly-Client-IP, Fastly-FF
	"Fly-",                // Fly.io: Fly-Client-IP, Fly-Region
	"Do-Connecting-Ip",    // DigitalOcean
	"X-Vercel-",           // Vercel
	"X-Nf-",               // Netlify
	"X-Sucuri-",           // Sucuri
	"Incap-",              // Imperva: Incap-Client-IP
	"Tailscale-",          // tailscale serve
	"Front-End-Https",     // Microsoft's gateways
	"Wl-Proxy-",           // WebLogic's plug-ins
	"Proxy-",              // headers addressed to a proxy, and Proxy-Client-IP
}

// isProxied reports whether the request shows signs of a proxy, behind which there can be
// any client.
//
// HTTP/1.0 is a sign too: by default, nginx uses it for its upstream requests and adds no
// header. Proxies don't always identify themselves: one that uses HTTP/1.1 and adds no
// header looks like a client.
func isProxied(r *http.Request) bool {
	if !r.ProtoAtLeast(1, 1) {
		return true
	}
	for name := range r.Header {
		name = http.CanonicalHeaderKey(strings.ReplaceAll(name, "_", "-"))
		for _, known := range proxyHeaders {
			if name == known || strings.HasSuffix(known, "-") && strings.HasPrefix(name, known) {
				return true
			}
		}
	}
	return false
}
