package alerting

// FewAtOnce is what bounds the calls that read.
var FewAtOnce = fewAtOnce
