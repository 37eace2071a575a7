package stresscmd

// Settings exports settings for tests.
var Settings = (*RunCommand).settings
