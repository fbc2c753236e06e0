package provider

import (
	"errors"

	"golang.org/x/text/unicode/norm"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// A CLI writes every text in Unicode's normalization form C, in configuration
// and in state, and servers compare bytes. So a name in another form cannot be
// written in a configuration: what is written there is the name of something
// else. Such objects are left alone, with a warning. A value in another form is
// the same value as far as a CLI can show.

// errForm is why an object cannot be named in a configuration.
var errForm = errors.New("its name is not in Unicode normalization form C, in which a CLI writes every name: there it would be the name of another object")

// checkForm reports whether a name that a server has sent can be written in a
// configuration.
func checkForm(name string) error {
	if norm.NFC.IsNormalString(name) {
		return nil
	}
	return errForm
}

// refuseNode returns the path of a node and why no resource can manage it, nil
// if one can.
func refuseNode(node *etcdv2.Node) (path string, err error) { return node.Key, checkForm(node.Key) }

// normalized is a text as a CLI writes it.
func normalized(text string) string { return norm.NFC.String(text) }
