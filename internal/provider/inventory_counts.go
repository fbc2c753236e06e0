package provider

import (
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
	"github.com/etcdv2/terraform-provider-etcd/internal/keyspace"
)

// inventoryCounts are the numbers of an inventory for a part of the store.
type inventoryCounts struct {
	Keys                int64 `tfsdk:"keys"`
	Directories         int64 `tfsdk:"directories"`
	EmptyDirectories    int64 `tfsdk:"empty_directories"`
	ExpiringKeys        int64 `tfsdk:"expiring_keys"`
	ExpiringDirectories int64 `tfsdk:"expiring_directories"`
	JSONValues          int64 `tfsdk:"json_values"`
	EmptyValues         int64 `tfsdk:"empty_values"`
	LargeValues         int64 `tfsdk:"large_values"`
	NotTextValues       int64 `tfsdk:"not_text_values"`
	UnnameableNodes     int64 `tfsdk:"unnameable"`
	ValueBytes          int64 `tfsdk:"value_bytes"`
	LargestValueBytes   int64 `tfsdk:"largest_value_bytes"`
}

// inventoryCountAttributes are the attributes of inventoryCounts. where ends the
// sentences about what is counted.
func inventoryCountAttributes(where string) map[string]schema.Attribute {
	attributes := map[string]schema.Attribute{}
	for name, text := range map[string]string{
		"keys":        "Number of keys" + where + ".",
		"directories": "Number of directories" + where + ", without the root.",
		"empty_directories": "How many of the directories contain nothing that a listing shows. Servers leave a directory behind when its last " +
			"key goes.",
		"expiring_keys":        "How many of the keys have a TTL.",
		"expiring_directories": "How many of the directories have a TTL. A directory that expires takes everything in it along.",
		"json_values":          "How many of the values are a JSON object or array.",
		"empty_values":         "How many of the values are empty.",
		"large_values":         "How many of the values have more bytes than `large_bytes`.",
		"not_text_values": "How many of the values contain bytes that are not UTF-8. The v2 API cannot return such bytes, so these values can " +
			"be neither managed nor copied through it.",
		"unnameable": "Number of keys and directories whose names no configuration can contain: they are not UTF-8, or not in Unicode " +
			"normalization form C.",
		"value_bytes":         "Bytes of all values together.",
		"largest_value_bytes": "Bytes of the largest value.",
	} {
		attributes[name] = schema.Int64Attribute{Computed: true, MarkdownDescription: text}
	}
	return attributes
}

// stocktake counts what a tree contains.
type stocktake struct {
	largeBytes int64
	total      inventoryCounts
	byDir      map[string]*inventoryCounts
}

// take counts what is below the root, in all and by top-level directory.
func (s *stocktake) take(root *etcdv2.Node) {
	s.byDir = map[string]*inventoryCounts{}
	for _, node := range root.Nodes {
		dir := "/"
		if node.Dir {
			dir = keyspace.Normalized(node.Key)
		}
		if s.byDir[dir] == nil {
			s.byDir[dir] = new(inventoryCounts)
		}
		s.byDir[dir].add(node, s.largeBytes)
		s.total.add(node, s.largeBytes)
	}
}

// add counts a node and what is below it.
func (c *inventoryCounts) add(node *etcdv2.Node, largeBytes int64) {
	if _, err := refuseNode(node); err != nil {
		c.UnnameableNodes++
	}
	if !node.Dir {
		c.addKey(node, largeBytes)
		return
	}
	c.Directories++
	increaseIf(&c.EmptyDirectories, len(node.Nodes) == 0)
	increaseIf(&c.ExpiringDirectories, node.HasTTL())
	for _, child := range node.Nodes {
		c.add(child, largeBytes)
	}
}

func (c *inventoryCounts) addKey(node *etcdv2.Node, largeBytes int64) {
	size := int64(len(node.Value))
	c.Keys++
	increaseIf(&c.ExpiringKeys, node.HasTTL())
	increaseIf(&c.JSONValues, keyspace.IsJSONDocument(node.Value))
	increaseIf(&c.EmptyValues, size == 0)
	increaseIf(&c.LargeValues, size > largeBytes)
	increaseIf(&c.NotTextValues, node.NotText)
	c.ValueBytes += size
	c.LargestValueBytes = max(c.LargestValueBytes, size)
}

func increaseIf(n *int64, condition bool) {
	if condition {
		*n++
	}
}
