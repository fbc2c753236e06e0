package provider

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// checkMemberName refuses what --initial-cluster cannot carry.
func checkMemberName(name string) error {
	if strings.ContainsAny(name, ",=") {
		return fmt.Errorf("the name %q contains a comma or an equals sign, which --initial-cluster cannot contain", name)
	}
	return nil
}

// startName is the --name with which the member's process is to be started.
func (m *memberModel) startName() string {
	if name := m.Name.ValueString(); name != "" {
		return name
	}
	return m.ID.ValueString()
}

// readInitialCluster reads the members for initial_cluster. A failure to list them
// is not an error: the member that was just added would be removed and added again
// because of it. The next refresh lists them.
func (m *memberModel) readInitialCluster(ctx context.Context, members *etcdv2.MembersService, self etcdv2.Member, diags *diag.Diagnostics) {
	all, err := members.List(ctx)
	if err != nil {
		summary, detail := wordFailure("Unable to list members", self.ID, err)
		diags.AddWarning(summary, detail)
		if m.InitialCluster.IsUnknown() {
			m.InitialCluster = types.StringNull()
		}
		return
	}
	m.setInitialCluster(all, self)
}

// setInitialCluster takes over the members, self among them.
func (m *memberModel) setInitialCluster(all []etcdv2.Member, self etcdv2.Member) {
	others := slices.DeleteFunc(slices.Clone(all), func(other etcdv2.Member) bool { return other.ID == self.ID })
	self.Name = m.startName()
	m.InitialCluster = types.StringValue(initialCluster(append(others, self)))
}

// initialCluster writes members as etcd's --initial-cluster wants them. What a
// member that was never started is called does not matter to the others.
func initialCluster(members []etcdv2.Member) string {
	var parts []string
	for _, m := range members {
		name := m.Name
		if name == "" {
			name = m.ID
		}
		for _, url := range m.PeerURLs {
			parts = append(parts, name+"="+url)
		}
	}
	slices.Sort(parts)
	return strings.Join(parts, ",")
}
