package torture

// promise is what a violation breaks, as the report counts it.
type promise string

// The promises. A history contradicts itself if a write is lost, made twice or overwritten, or if
// something that exists is reported as gone.
const (
	contradictory promise = "lost, doubled, overwritten or falsely gone: histories of keys and directories that contradict themselves"
	doubled       promise = "lost or doubled: keys in order, events, requests that may not be sent again"
	overwritten   promise = "overwritten or deleted without the condition that the call has"
	concealed     promise = "lost answers that are not reported as unknown"
	heldTwice     promise = "locks with two owners at a time"
	disordered    promise = "indexes and listings that are out of order"
)

var promises = []promise{contradictory, doubled, overwritten, concealed, heldTwice, disordered}
