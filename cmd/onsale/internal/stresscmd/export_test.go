package stresscmd

// Settings is for tests.
var Settings = (*RunCommand).settings
