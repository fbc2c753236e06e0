package e2e_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func (c *tortured) stateFile() string { return filepath.Join(c.Dir, "terraform.tfstate") }

// restoreState restores the state from its backup if a CLI that exited at once has cut it off, and
// reports whether it did.
func (c *tortured) restoreState(t *testing.T) bool {
	t.Helper()
	data, err := os.ReadFile(c.stateFile())
	if os.IsNotExist(err) || json.Valid(data) {
		return false
	}
	c.tally.restored++
	if err = os.Rename(c.stateFile()+".backup", c.stateFile()); os.IsNotExist(err) {
		err = os.Remove(c.stateFile())
	}
	if err != nil {
		t.Error(err)
	}
	return true
}

// readState returns the facts in the state.
func (c *tortured) readState(t *testing.T) facts {
	t.Helper()
	all := facts{}
	data, err := os.ReadFile(c.stateFile())
	if os.IsNotExist(err) {
		return all
	}
	var state struct {
		Resources []struct {
			Type, Name string
			Instances  []struct{ Attributes map[string]any }
		}
	}
	if err == nil {
		err = json.Unmarshal(data, &state)
	}
	if err != nil {
		t.Fatalf("the state: %v\n%s", err, data)
	}
	for _, resource := range state.Resources {
		for _, instance := range resource.Instances {
			c.addStateFacts(all, resource.Type+"."+resource.Name, instance.Attributes)
		}
	}
	return all
}

func (c *tortured) addStateFacts(all facts, address string, attributes map[string]any) {
	o := c.objects[slices.IndexFunc(c.objects, func(o *torturedObject) bool { return o.address() == address })]
	text := func(name string) string { text, _ := attributes[name].(string); return text }
	texts := func(name string) []string {
		list := []string{}
		elements, _ := attributes[name].([]any)
		for _, element := range elements {
			list = append(list, fmt.Sprint(element))
		}
		slices.Sort(list)
		return list
	}
	switch o.typeName {
	case "etcd_key", "etcd_in_order_key":
		value := "a secret"
		for _, name := range []string{"value", "value_json"} {
			if attributes[name] != nil {
				value = text(name)
			}
		}
		index, _ := attributes["modified_index"].(float64)
		all["key "+text("key")] = keyContent(value, attributes["ttl"] != nil, uint64(index), o)
	case "etcd_key_prefix":
		keys, _ := attributes["keys"].(map[string]any)
		for name, value := range keys {
			all["key "+text("prefix")+"/"+name] = keyContent(fmt.Sprint(value), false, 0, o)
		}
	case "etcd_dir":
		all["dir "+text("path")] = ""
	case "etcd_user":
		all["user "+text("name")] = ""
		if o.name == "whole" {
			all["user "+text("name")] = fmt.Sprint(texts("roles"))
		}
	case "etcd_role":
		all["role "+text("name")] = ""
		if o.name == "whole" {
			all["role "+text("name")] = roleContent(texts("kv_read"), texts("kv_write"))
		}
	case "etcd_user_role":
		all["grant "+text("user")+":"+text("role")] = ""
	case "etcd_role_permission":
		all["permission "+text("role")+":"+text("pattern")] = ""
	}
}
