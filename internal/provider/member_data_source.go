package provider

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

var _ datasource.DataSourceWithConfigure = (*memberDataSource)(nil)

func newMemberDataSource() datasource.DataSource { return &memberDataSource{} }

type memberDataSource struct{ dataSourceBase }

// memberInfo is a member as every data source shows it.
type memberInfo struct {
	ID         types.String   `tfsdk:"id"`
	Name       types.String   `tfsdk:"name"`
	PeerURLs   []types.String `tfsdk:"peer_urls"`
	ClientURLs []types.String `tfsdk:"client_urls"`
	Started    types.Bool     `tfsdk:"started"`
}

func newMemberInfo(m etcdv2.Member) memberInfo {
	return memberInfo{
		ID: types.StringValue(m.ID), Name: types.StringValue(m.Name), PeerURLs: sortedTexts(m.PeerURLs),
		ClientURLs: sortedTexts(m.ClientURLs), Started: types.BoolValue(m.Started()),
	}
}

// sortedTexts returns texts for a list, which is empty where there are none.
func sortedTexts(texts []string) []types.String {
	out := make([]types.String, 0, len(texts))
	for _, text := range slices.Sorted(slices.Values(texts)) {
		out = append(out, types.StringValue(text))
	}
	return out
}

// memberAttributes are the attributes of memberInfo, all computed.
func memberAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"id": schema.StringAttribute{Computed: true, MarkdownDescription: "Id of the member in hexadecimal."},
		"name": schema.StringAttribute{
			Computed: true, MarkdownDescription: "Name that the member's process reports; empty until it has started.",
		},
		"peer_urls": schema.ListAttribute{
			ElementType: types.StringType, Computed: true, MarkdownDescription: "URLs that the other members use, sorted.",
		},
		"client_urls": schema.ListAttribute{
			ElementType: types.StringType, Computed: true,
			MarkdownDescription: "Client URLs that the member advertises, sorted; empty until it has started.",
		},
		"started": schema.BoolAttribute{
			Computed: true, MarkdownDescription: "Whether the member's process has joined the cluster, even if it has stopped since.",
		},
	}
}

func (d *memberDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_member"
}

func (d *memberDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	attributes := memberAttributes()
	attributes["id"] = schema.StringAttribute{
		Optional: true, Computed: true,
		MarkdownDescription: "Id of the member to read, in hexadecimal. Exactly one of `id` and `name` is required.",
		Validators: []validator.String{
			stringvalidator.LengthAtLeast(1), stringvalidator.ExactlyOneOf(path.MatchRoot("id"), path.MatchRoot("name")),
		},
	}
	attributes["name"] = schema.StringAttribute{
		Optional: true, Computed: true,
		MarkdownDescription: "Name of the member to read. It is an error if several members have this name. Exactly one of `id` and `name` " +
			"is required.",
		Validators: []validator.String{stringvalidator.LengthAtLeast(1)},
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "Reads one member of the cluster by its id or its name.",
		Attributes:          attributes,
	}
}

func (d *memberDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var model memberInfo
	resp.Diagnostics.Append(req.Config.Get(ctx, &model)...)
	client := d.client(&resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	members, err := client.Members.List(ctx)
	if err != nil {
		addFailure(&resp.Diagnostics, "Unable to list members", "", err)
		return
	}
	member, err := chooseMember(members, model.ID.ValueString(), model.Name.ValueString())
	if err != nil {
		addFailure(&resp.Diagnostics, "Unable to read member", "", err)
		return
	}
	info := newMemberInfo(*member)
	if notNull(model.ID) {
		info.ID = model.ID
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, info)...)
}

// chooseMember finds the member with the id or the name; an empty one is ignored. Names need
// not be unique, and a name can look like an id.
func chooseMember(members []etcdv2.Member, id, name string) (*etcdv2.Member, error) {
	var found []etcdv2.Member
	var all []string
	for _, m := range members {
		if (id != "" && strings.EqualFold(strings.TrimLeft(id, "0"), m.ID)) || (name != "" && m.Name == name) {
			found = append(found, m)
		}
		all = append(all, describeMember(m))
	}
	wanted := cmp.Or(id, name)
	switch len(found) {
	case 1:
		return &found[0], nil
	case 0:
		return nil, &refusal{
			summary: "Member not found",
			what:    fmt.Sprintf("No member is %q.", wanted),
			advice:  "The members are: " + strings.Join(all, "; ") + ".",
			cause:   etcdv2.ErrNotFound,
		}
	default:
		return nil, &refusal{
			summary: "Several members match",
			what:    fmt.Sprintf("%d members are %q.", len(found), wanted),
			advice:  "Use one of the ids: " + strings.Join(all, "; ") + ".",
			cause:   etcdv2.ErrNotFound,
		}
	}
}
