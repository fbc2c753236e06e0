package etcdv2

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"
)

const (
	// scanBuffer is how much of an answer is held at a time.
	scanBuffer = 32 << 10
	// smallAnswer is what the answers about one key fit in.
	smallAnswer = 2 << 10
	// maxDepth bounds the nesting of an answer.
	maxDepth = 10000
	// maxSlab bounds what one string or node that is kept holds on to.
	maxSlab = 16 << 10
)

// errSyntax is what the scanner says of an answer that is not what it should
// be. It names the place and quotes nothing, since values stand there.
var errSyntax = errors.New("unexpected JSON")

// parseResponse reads an answer of the key space as it comes in, so that a large
// one is not held twice. Names are case-sensitive, unknown ones are skipped.
func parseResponse(r io.Reader, size int64) (*Response, error) {
	s := newScanner(r, size)
	resp := &Response{}
	more, err := s.open('{', '}')
	for more && err == nil {
		if err = s.responseField(resp); err == nil {
			more, err = s.more('}')
		}
	}
	if err == nil {
		err = s.end()
	}
	return resp, err
}

func (s *scanner) responseField(resp *Response) error {
	name, err := s.name()
	if err != nil {
		return err
	}
	switch string(name) {
	case "action":
		var action string
		action, err = s.text()
		resp.Action = Action(action)
	case "node":
		resp.Node, err = s.node()
	case "prevNode":
		resp.PrevNode, err = s.node()
	default:
		err = s.skip()
	}
	return err
}

// errorBody is the body of an answer outside 2xx; hasMessage is whether it has
// a message, be it an empty one.
type errorBody struct {
	code           Code
	message, cause string
	index          uint64
	hasMessage     bool
}

func parseError(data []byte) (errorBody, error) {
	s := newScanner(bytes.NewReader(data), int64(len(data)))
	var b errorBody
	more, err := s.open('{', '}')
	for more && err == nil {
		if err = s.errorField(&b); err == nil {
			more, err = s.more('}')
		}
	}
	if err == nil {
		err = s.end()
	}
	return b, err
}

func (s *scanner) errorField(b *errorBody) error {
	name, err := s.name()
	if err != nil {
		return err
	}
	switch string(name) {
	case "errorCode":
		var code int64
		code, err = s.integer()
		b.code = Code(code)
	case "message":
		b.hasMessage = true
		b.message, err = s.text()
	case "cause":
		b.cause, err = s.text()
	case "index":
		b.index, err = s.unsigned()
	default:
		err = s.skip()
	}
	return err
}

// node reads a node, or null.
func (s *scanner) node() (*Node, error) {
	if isNull, err := s.null(); isNull || err != nil {
		return nil, err
	}
	n := s.newNode()
	more, err := s.open('{', '}')
	for more && err == nil {
		var name []byte
		if name, err = s.name(); err != nil {
			break
		}
		if err = s.nodeField(n, name); err == nil {
			more, err = s.more('}')
		}
	}
	return n, err
}

func (s *scanner) nodeField(n *Node, name []byte) (err error) {
	switch string(name) {
	case "key":
		n.Key, err = s.text()
	case "value":
		n.Value, err = s.text()
	case "modifiedIndex":
		n.ModifiedIndex, err = s.unsigned()
	case "createdIndex":
		n.CreatedIndex, err = s.unsigned()
	case "dir":
		n.Dir, err = s.boolean()
	case "nodes":
		n.Nodes, err = s.nodes()
	case "ttl":
		n.TTL, err = s.integer()
	case "expiration":
		n.Expiration, err = s.time()
	default:
		err = s.skip()
	}
	return err
}

// nodes reads the children of a directory.
func (s *scanner) nodes() ([]*Node, error) {
	if isNull, err := s.null(); isNull || err != nil {
		return nil, err
	}
	mark := len(s.stack)
	more, err := s.open('[', ']')
	for more && err == nil {
		var n *Node
		if n, err = s.node(); err == nil {
			more, err = s.more(']')
		}
		if n != nil {
			s.stack = append(s.stack, n)
		}
	}
	nodes := append([]*Node(nil), s.stack[mark:]...)
	s.stack = s.stack[:mark]
	return nodes, err
}

// newNode takes a node out of a slab: a large answer is mostly allocation.
func (s *scanner) newNode() *Node {
	if len(s.slab) == 0 {
		s.slab = make([]Node, s.slabSize)
		s.slabSize = min(2*s.slabSize, maxSlab/int(unsafe.Sizeof(Node{})))
	}
	n := &s.slab[0]
	s.slab = s.slab[1:]
	return n
}

// scanner reads JSON from a reader, with a window of it in memory.
type scanner struct {
	r        io.Reader
	buf      []byte
	pos, top int
	// passed is how much of the answer came before buf.
	passed int64
	depth  int
	// scratch is for a string or number that does not lie in one piece.
	scratch []byte
	// field is the last name, and high the first half of a character.
	field []byte
	high  rune
	// letters, slab and stack hold the strings, the nodes and the children
	// that are being read.
	letters  []byte
	slab     []Node
	slabSize int
	stack    []*Node
}

func newScanner(r io.Reader, size int64) *scanner {
	n := scanBuffer
	if size >= 0 && size < smallAnswer {
		n = max(int(size), 16)
	}
	return &scanner{r: r, buf: make([]byte, n), slabSize: 1}
}

func (s *scanner) fail() error {
	return fmt.Errorf("%w: %w at byte %d", ErrInvalidAnswer, errSyntax, s.passed+int64(s.pos))
}

// fill reads on when all that is in memory has been used.
func (s *scanner) fill() error {
	s.passed += int64(s.top)
	s.pos, s.top = 0, 0
	if s.passed > maxAnswer {
		return fmt.Errorf("%w: longer than %d bytes", ErrInvalidAnswer, maxAnswer)
	}
	for range 100 {
		n, err := s.r.Read(s.buf)
		s.top = n
		if n > 0 {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}

// peek returns the next byte that is no white space.
func (s *scanner) peek() (byte, error) {
	for {
		for ; s.pos < s.top; s.pos++ {
			switch c := s.buf[s.pos]; c {
			case ' ', '\n', '\r', '\t':
			default:
				return c, nil
			}
		}
		if err := s.fill(); err != nil {
			return 0, err
		}
	}
}

// end makes sure that nothing follows.
func (s *scanner) end() error {
	_, err := s.peek()
	switch {
	case err == nil:
		return s.fail()
	case errors.Is(err, io.EOF):
		return nil
	default:
		return err
	}
}

// next is peek where the answer cannot end.
func (s *scanner) next() (byte, error) {
	c, err := s.peek()
	return c, s.early(err)
}

// early makes the end of the answer an error of its form.
func (s *scanner) early(err error) error {
	if errors.Is(err, io.EOF) {
		return s.fail()
	}
	return err
}

func (s *scanner) expect(want byte) error {
	c, err := s.next()
	if err == nil && c != want {
		err = s.fail()
	}
	if err == nil {
		s.pos++
	}
	return err
}

// null reads null, if that is what comes next.
func (s *scanner) null() (bool, error) {
	c, err := s.next()
	if err != nil || c != 'n' {
		return false, err
	}
	return true, s.literal("null")
}

// open reads the beginning of an object or an array, and reports whether there
// is anything in it.
func (s *scanner) open(opening, closing byte) (bool, error) {
	if err := s.expect(opening); err != nil {
		return false, err
	}
	if s.depth++; s.depth > maxDepth {
		return false, s.fail()
	}
	c, err := s.next()
	if err != nil || c != closing {
		return true, err
	}
	s.pos++
	s.depth--
	return false, nil
}

// more reads what stands after an element, and reports whether another follows.
func (s *scanner) more(closing byte) (bool, error) {
	c, err := s.next()
	if err != nil {
		return false, err
	}
	s.pos++
	switch c {
	case ',':
		return true, nil
	case closing:
		s.depth--
		return false, nil
	default:
		s.pos--
		return false, s.fail()
	}
}

// name reads the name of a field. It is valid until the next one.
func (s *scanner) name() ([]byte, error) {
	name, err := s.bytes()
	if err != nil {
		return nil, err
	}
	s.field = append(s.field[:0], name...)
	return s.field, s.expect(':')
}

// at returns the next byte of a token, which cannot end here.
func (s *scanner) at() (byte, error) {
	if s.pos == s.top {
		if err := s.fill(); err != nil {
			return 0, s.early(err)
		}
	}
	return s.buf[s.pos], nil
}

func (s *scanner) literal(word string) error {
	for i := range len(word) {
		c, err := s.at()
		if err != nil {
			return err
		}
		if c != word[i] {
			return s.fail()
		}
		s.pos++
	}
	return nil
}

func (s *scanner) boolean() (bool, error) {
	if isNull, err := s.null(); isNull || err != nil {
		return false, err
	}
	if s.buf[s.pos] == 't' {
		return true, s.literal("true")
	}
	return false, s.literal("false")
}

// number reads the characters of a number.
func (s *scanner) number() ([]byte, error) {
	s.scratch = s.scratch[:0]
	for {
		start := s.pos
		for s.pos < s.top && isNumeric(s.buf[s.pos]) {
			s.pos++
		}
		piece := s.buf[start:s.pos]
		if s.pos < s.top && len(s.scratch) == 0 {
			return piece, nil
		}
		s.scratch = append(s.scratch, piece...)
		if s.pos < s.top {
			return s.scratch, nil
		}
		if err := s.fill(); err != nil {
			return nil, s.early(err)
		}
	}
}

func isNumeric(c byte) bool {
	return c >= '0' && c <= '9' || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E'
}

func (s *scanner) unsigned() (uint64, error) {
	if isNull, err := s.null(); isNull || err != nil {
		return 0, err
	}
	digits, err := s.number()
	if err != nil {
		return 0, err
	}
	return s.digits(digits)
}

func (s *scanner) digits(digits []byte) (uint64, error) {
	if len(digits) == 0 || (digits[0] == '0' && len(digits) > 1) {
		return 0, s.fail()
	}
	var n uint64
	for _, c := range digits {
		d := uint64(c - '0')
		if d > 9 || n > (math.MaxUint64-d)/10 {
			return 0, s.fail()
		}
		n = 10*n + d
	}
	return n, nil
}

func (s *scanner) integer() (int64, error) {
	if isNull, err := s.null(); isNull || err != nil {
		return 0, err
	}
	number, err := s.number()
	if err != nil {
		return 0, err
	}
	digits, negative := bytes.CutPrefix(number, []byte("-"))
	n, err := s.digits(digits)
	switch {
	case err != nil:
		return 0, err
	case negative && n <= math.MaxInt64+1:
		return -int64(n), nil //nolint:gosec // the least of all stays itself
	case !negative && n <= math.MaxInt64:
		return int64(n), nil
	default:
		return 0, s.fail()
	}
}

func (s *scanner) time() (*time.Time, error) {
	if isNull, err := s.null(); isNull || err != nil {
		return nil, err
	}
	text, err := s.bytes()
	if err != nil {
		return nil, err
	}
	t, err := time.Parse(time.RFC3339Nano, string(text))
	if err != nil {
		return nil, s.fail()
	}
	return &t, nil
}

// text reads a string, or null as "".
func (s *scanner) text() (string, error) {
	if isNull, err := s.null(); isNull || err != nil {
		return "", err
	}
	text, err := s.bytes()
	if err != nil || len(text) == 0 {
		return "", err
	}
	if len(text) > maxSlab/4 {
		return string(text), nil
	}
	if cap(s.letters)-len(s.letters) < len(text) {
		s.letters = make([]byte, 0, max(len(text), min(2*cap(s.letters), maxSlab)))
	}
	start := len(s.letters)
	s.letters = append(s.letters, text...)
	// The letters are written once, and only appended to.
	return unsafe.String(&s.letters[start], len(text)), nil
}

// plain are the bytes of a string that stand for themselves.
var plain = func() (table [256]bool) {
	for c := range table {
		table[c] = c >= ' ' && c != '"' && c != '\\'
	}
	return table
}()

// bytes reads a string. The result is valid until more is read.
func (s *scanner) bytes() ([]byte, error) {
	if err := s.expect('"'); err != nil {
		return nil, err
	}
	s.scratch, s.high = s.scratch[:0], 0
	for {
		start := s.pos
		for s.pos < s.top && plain[s.buf[s.pos]] {
			s.pos++
		}
		piece := s.buf[start:s.pos]
		if s.pos < s.top && s.buf[s.pos] == '"' {
			s.pos++
			return s.finish(piece)
		}
		if len(piece) > 0 {
			s.endHalf()
			s.scratch = append(s.scratch, piece...)
		}
		if err := s.special(); err != nil {
			return nil, err
		}
	}
}

// finish ends a string with its last piece.
func (s *scanner) finish(piece []byte) ([]byte, error) {
	s.endHalf()
	if len(s.scratch) > 0 {
		s.scratch = append(s.scratch, piece...)
		piece = s.scratch
	}
	if !utf8.Valid(piece) {
		return nil, s.fail()
	}
	return piece, nil
}

// endHalf puts the sign for a bad character, as servers do, where the second
// half of one is missing.
func (s *scanner) endHalf() {
	if s.high != 0 {
		s.scratch = utf8.AppendRune(s.scratch, utf8.RuneError)
		s.high = 0
	}
}

// escapes are the letters that stand for another after a backslash.
var escapes = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// special reads on in a string where the next byte is none that is plain.
func (s *scanner) special() error {
	c, err := s.at()
	if err != nil || plain[c] || c == '"' {
		return err
	}
	if c != '\\' {
		return s.fail()
	}
	s.pos++
	if c, err = s.at(); err != nil {
		return err
	}
	s.pos++
	if c == 'u' {
		return s.unicode()
	}
	if escapes[c] == 0 {
		return s.fail()
	}
	s.endHalf()
	s.scratch = append(s.scratch, escapes[c])
	return nil
}

// unicode reads the four digits of a character, or of half of one.
func (s *scanner) unicode() error {
	var digits [4]byte
	for i := range digits {
		c, err := s.at()
		if err != nil {
			return err
		}
		digits[i] = c
		s.pos++
	}
	n, err := strconv.ParseUint(string(digits[:]), 16, 16)
	if err != nil {
		return s.fail()
	}
	r := rune(n)
	if whole := utf16.DecodeRune(s.high, r); whole != utf8.RuneError {
		s.high = 0
		r = whole
	}
	s.endHalf()
	if r >= 0xD800 && r < 0xDC00 {
		s.high = r
		return nil
	}
	s.scratch = utf8.AppendRune(s.scratch, r)
	return nil
}

// skip reads over a value of any kind.
func (s *scanner) skip() error {
	c, err := s.next()
	if err != nil {
		return err
	}
	switch c {
	case '"':
		_, err = s.bytes()
	case '{':
		err = s.skipList('{', '}')
	case '[':
		err = s.skipList('[', ']')
	case 't':
		err = s.literal("true")
	case 'f':
		err = s.literal("false")
	case 'n':
		err = s.literal("null")
	default:
		err = s.skipNumber()
	}
	return err
}

func (s *scanner) skipList(opening, closing byte) error {
	more, err := s.open(opening, closing)
	for more && err == nil {
		if opening == '{' {
			if _, err = s.name(); err != nil {
				return err
			}
		}
		if err = s.skip(); err == nil {
			more, err = s.more(closing)
		}
	}
	return err
}

func (s *scanner) skipNumber() error {
	number, err := s.number()
	if err != nil {
		return err
	}
	if !json.Valid(number) {
		return s.fail()
	}
	return nil
}
