package client

// WireTypes are the types into which answers are decoded, by the name of their schema in
// the OpenAPI document.
var WireTypes = map[string]any{
	"Books":        wireBooks{},
	"Concert":      wireConcert{},
	"ConcertBooks": wireConcertBooks{},
	"CreatedItem":  wireItem{},
	"FaultState":   Faults{},
	"IssuedToken":  wireToken{},
	"Receipt":      wirePurchase{},
	"Replica":      Replica{},
}
