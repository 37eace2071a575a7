package docs_test

import (
	"fmt"
	"regexp"
	"strings"
)

// maxSentence is how many words a sentence can have. Longer ones have to be read twice.
const maxSentence = 45

// A phrase is one that this project writes in another way.
type phrase struct {
	// word is a part of each match, in lower case: most texts do not have it, and a search for it is fast.
	word string
	// expr finds it. A match whose first group is not empty does not count: it is for the word before,
	// as in "there is no".
	expr   *regexp.Regexp
	advice string
}

// phrases are signs of a text that reads as if translated. They apply to prose, so inline code and links are not
// searched in Markdown.
var phrases = func() (all []phrase) {
	for _, p := range [][3]string{
		{`who`, `()\b(?:that|of|for|by|with|than|elsewhere|is|are|was|told|tells|knows|said) who\b`, `name the actor: "anyone who", "a client that"`},
		{`whoever`, `()\bwhoever\b`, `"anyone who", "whichever goroutine"`},
		{`what there is`, `()\bwhat there is\b`, `name the thing`},
		{`told`, `()(?-i:\btold\b)`, `"gets", "reported", "returned"`},
		{`tells`, `()\btells\b`, `"reports", "returns", "shows"`},
		{` no `, `(\bthere )?\b(?:is|are|was|were) no [a-z]`, `"is not a"`},
		{` there`, `(\bthere )?\b(?:is|are|was|were) there\b`, `"exists", "is running", "is present"`},
		{` about`, `()\b(?:comes?|came) about\b`, `"happens", "is created"`},
		{` again`, `()\bcomes? again\b`, `"retry"`},
		{`stands`, `()\bstands\b`, `"is", "appears", "means"`},
		{` stand`, `()\b(?:may|must|can|to) stand\b`, `"be", "appear"`},
		{`for good`, `()\bfor good\b`, `"permanently", or leave it out`},
		{`and the like`, `()\band the like\b`, `"and similar"`},
		{`dice`, `()\bdice\b`, `"random generator", "random seed"`},
		{`crowd`, `()\bdemo crowd\b|\bcrowd of [0-9]`, `"demo users"`},
		{`books `, `()\bbooks (?:agree|balance)\b`, `"the ledger balances"`},
		{` clear`, `()\bin (?:the )?clear\b`, `"in plain text"`},
		{` away`, `()\b(?:is|are|was|were) away\b`, `"is unreachable"`},
		{` away`, `()\b(?:goes|go|went) away\b`, `"becomes unreachable", "disconnects"`},
		{`dies`, `()\bdies\b`, `"ends", "crashes"`},
		{`beside`, `()\bbeside\b`, `"next to", "in addition to"`},
		{`shall`, `()\bshall\b`, `"must", "is to"`},
		{`as what`, `()\bas what\b`, `name the thing`},
		{`in passing`, `()\bin passing\b`, `"transient"`},
		{`bears`, `()\bbears\b`, `"can serve", "withstands"`},
		{`anew`, `()\banew\b`, `"again"`},
		{` of`, `()\b(?:became|becomes|become) of\b`, `"outcome", "result"`},
		{`in the way`, `()\bin the way\b`, `"blocks", "prevents"`},
		{`mid-`, `()\bmid-rush\b|\bmid-storm\b`, `"under load"`},
		{` `, `()\bsees to\b|\bhears of\b`, `"handles", "learns of"`},
		{`said`, `()\b(?:is|are|was|be) said\b|\bunless said\b`, `"is reported"`},
		{`notices nothing`, `()\bnotices nothing\b`, `"is not affected"`},
	} {
		all = append(all, phrase{p[0], regexp.MustCompile(`(?i)` + p[1]), p[2]})
	}
	return all
}()

var (
	// notProse are parts of a text whose words do not count: addresses.
	notProse = regexp.MustCompile(`\b[a-z]+://\S+`)
	// wholePhrases begin like one of the phrases, and are right.
	wholePhrases = regexp.MustCompile(`(?i)\b(?:is|are|was|were) no (?:longer|more|less|fewer|later|older|limit)\b|\bstands for\b`)
	sentenceEnd  = regexp.MustCompile(`[.!?:;](?:\s|$)`)
)

// A finding is a phrase in a text, on a line counted from the text's first.
type finding struct {
	Line          int
	Found, Advice string
}

// findPhrases returns the phrases in a text.
func findPhrases(text string) (all []finding) {
	blank := func(s string) string { return strings.Repeat("_", len(s)) }
	text = wholePhrases.ReplaceAllStringFunc(notProse.ReplaceAllStringFunc(text, blank), blank)
	// A phrase can be broken over two lines.
	flat := strings.ReplaceAll(text, "\n", " ")
	lower := strings.ToLower(flat)
	for _, p := range phrases {
		if !strings.Contains(lower, p.word) {
			continue
		}
		for _, at := range p.expr.FindAllStringSubmatchIndex(flat, -1) {
			if at[3] > at[2] {
				continue
			}
			all = append(all, finding{strings.Count(text[:at[0]], "\n"), strings.TrimSpace(flat[at[0]:at[1]]), "write " + p.advice})
		}
	}
	return all
}

// findLong returns the sentences of a text that are too long.
func findLong(text string) (all []finding) {
	if len(strings.Fields(text)) <= maxSentence {
		return nil
	}
	flat := strings.ReplaceAll(text, "\n", " ")
	begin := 0
	for _, at := range append(sentenceEnd.FindAllStringIndex(flat, -1), []int{len(flat), len(flat)}) {
		if words := len(strings.Fields(flat[begin:at[0]])); words > maxSentence {
			first := strings.Fields(flat[begin:at[0]])[:4]
			all = append(all, finding{strings.Count(text[:begin], "\n"), strings.Join(first, " ") + " …", fmt.Sprintf("make two sentences of these %d words", words)})
		}
		begin = at[1]
	}
	return all
}
