package keyspace

import "testing"

func TestKind_String(t *testing.T) {
	t.Parallel()

	seen := map[string]Kind{}
	for _, kind := range Kinds() {
		text := kind.String()
		if other, taken := seen[text]; taken || text == "" {
			t.Errorf("kinds %d and %d are both %q", other, kind, text)
		}
		seen[text] = kind
	}
}
