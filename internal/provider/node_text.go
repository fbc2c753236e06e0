package provider

import (
	"errors"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
	"github.com/etcdv2/terraform-provider-etcd/internal/keyspace"
)

// The API cannot show every name and value that a store contains.
//
// Bytes that are not UTF-8 are U+FFFD in an answer. A name with such bytes cannot
// be asked for, and a value that is written back would lose them.
//
// A CLI writes every text in Unicode's normalization form C, in configuration
// and in state, and servers compare bytes. So a name in another form cannot be
// written in a configuration: what is written there is the name of something
// else. Such objects are left alone, with a warning. A value in another form is
// the same value as far as a CLI can show.

// errForm is why an object cannot be named in a configuration.
var errForm = errors.New("its name is not in Unicode normalization form C, in which a CLI writes every name: there it would be the name " +
	"of another object")

// errNameNotText is why a node cannot be asked for.
var errNameNotText = errors.New("its name contains bytes that are not text, and no request can name it")

// checkForm reports whether a name that a server has sent can be written in a
// configuration.
func checkForm(name string) error {
	if keyspace.IsNormalized(name) {
		return nil
	}
	return errForm
}

// refuseNode returns the path of a node and why no resource can manage it, nil
// if one can.
func refuseNode(node *etcdv2.Node) (path string, err error) {
	if node.KeyNotText {
		return node.Key, errNameNotText
	}
	return node.Key, checkForm(node.Key)
}

// nameable returns the nodes that can be named in a configuration, and warns of
// the others.
func nameable(nodes []*etcdv2.Node, diags *diag.Diagnostics) []*etcdv2.Node {
	var able []*etcdv2.Node
	var refused []string
	for _, node := range nodes {
		if path, err := refuseNode(node); err != nil {
			refused = append(refused, fmt.Sprintf("%q: %s", path, sentence(err)))
			continue
		}
		able = append(able, node)
	}
	if len(refused) > 0 {
		diags.AddWarning(
			"Some keys are left out", "These are on the server, and no configuration can name them. They are left alone:\n\n"+enumerate(refused),
		)
	}
	return able
}

// warnNotText warns of nodes whose values contain bytes that are not text.
func warnNotText(diags *diag.Diagnostics, nodes ...*etcdv2.Node) {
	var names []string
	for _, node := range nodes {
		if node.NotText {
			names = append(names, node.Key)
		}
	}
	if len(names) > 0 {
		diags.AddWarning("Value contains bytes that are not text", "The API shows U+FFFD for bytes that are not UTF-8, so these values are not "+
			"shown as they are:\n\n"+
			enumerate(names)+"\n\nThey are kept on the server as long as no new value is written. To copy one or to write it again, use a client "+
			"that sends the bytes.")
	}
}
