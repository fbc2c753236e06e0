package provider

import (
	"slices"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv3"
)

// repeatText is how a copy is completed.
const repeatText = "To complete the copy, run it again with on_conflict = \"skip_equal\"."

// conflictWords say how a key in v3 is in the way.
var conflictWords = map[etcdv3.Reason]string{
	etcdv3.Exists:        "exists with the same value and lifetime",
	etcdv3.OtherValue:    "exists with another value",
	etcdv3.OtherLifetime: "exists with another lifetime",
}

// addConflicts reports keys that exist in v3.
func (c *copyToV3) addConflicts(conflicts []etcdv3.Conflict, done string) {
	var lines []string
	allEqual := true
	for _, conflict := range conflicts {
		lines = append(lines, conflict.Key+" "+conflictWords[conflict.Reason])
		allEqual = allEqual && conflict.Reason == etcdv3.Exists
	}
	advice := "Nothing in v3 is overwritten. Find out who wrote these keys. Delete them in v3, set replace_prefix to another place, or " +
		"exclude them."
	if allEqual {
		advice = "If they come from an earlier copy, run this one with on_conflict = \"skip_equal\"."
	}
	c.diags.AddError("Keys already exist in v3", done+" These keys are in the way:\n\n"+enumerate(lines)+"\n\n"+advice)
}

// differenceWords say how a key in v3 differs from v2.
var differenceWords = map[etcdv3.Difference]string{
	etcdv3.Missing:           "is missing in v3",
	etcdv3.CreatedSince:      "was created in v2 during the copy, and is missing in v3",
	etcdv3.DifferentValue:    "has another value in v3",
	etcdv3.ChangedSince:      "was changed in v2 during the copy, and has the earlier value in v3",
	etcdv3.DifferentLifetime: "has another lifetime in v3",
	etcdv3.DeletedSince:      "was deleted in v2 during the copy, and exists in v3",
}

// ofCopy are the differences that writers of v2 make during a copy.
var ofCopy = []etcdv3.Difference{etcdv3.CreatedSince, etcdv3.ChangedSince, etcdv3.DeletedSince, etcdv3.DifferentLifetime}

// addDifferences reports keys that differ after the copy.
func (c *copyToV3) addDifferences(different []etcdv3.Different) {
	var lines []string
	inUse := false
	for _, d := range different {
		lines = append(lines, d.Key+" "+differenceWords[d.What])
		inUse = inUse || slices.Contains(ofCopy, d.What)
	}
	advice := "Find out who writes to v3, and run the copy again with on_conflict = \"skip_equal\"."
	if inUse {
		advice = "Somebody still writes to v2, as clients that renew a TTL do. Stop them or exclude their keys, delete the keys above that " +
			"exist in v3, and run the copy again with on_conflict = \"skip_equal\"."
	}
	c.diags.AddError("v3 differs from v2", "The keys were copied and then compared. "+counted(len(different), "key")+" differ:\n\n"+
		enumerate(lines)+"\n\n"+advice)
}
