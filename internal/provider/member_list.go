package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/list/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

var _ list.ListResourceWithConfigure = (*memberList)(nil)

func newMemberList() list.ListResource { return &memberList{} }

type memberList struct{ resourceBase }

func (l *memberList) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_member"
}

func (l *memberList) ListResourceConfigSchema(_ context.Context, _ list.ListResourceSchemaRequest, resp *list.ListResourceSchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Lists the members of the cluster for `terraform query`, sorted by id and shown with their names and peer URLs. " +
			"With `-generate-config-out`, it writes a resource and an import block for each member.\n\n" +
			"An endpoint answers with the members that it knows of, even while the cluster has no quorum. A member that has never started is " +
			"listed without a name.",
	}
}

func (l *memberList) List(ctx context.Context, req list.ListRequest, stream *list.ListResultsStream) {
	var diags diag.Diagnostics
	client := l.client(&diags)
	if client == nil {
		stream.Results = list.ListResultsStreamDiagnostics(diags)
		return
	}
	members, err := client.Members.List(ctx)
	if err != nil {
		addFailure(&diags, "Unable to list members", "", err)
		stream.Results = list.ListResultsStreamDiagnostics(diags)
		return
	}
	listing[etcdv2.Member]{
		noun: "members", typeName: "etcd_member", objects: members,
		refuse:   func(etcdv2.Member) (string, error) { return "", nil },
		describe: func(member etcdv2.Member) listed { return describeListedMember(ctx, members, member) },
	}.send(ctx, req, stream)
}

func describeListedMember(ctx context.Context, all []etcdv2.Member, member etcdv2.Member) listed {
	var diags diag.Diagnostics
	model := memberModel{
		ID:       types.StringValue(member.ID),
		PeerURLs: setOf(ctx, member.PeerURLs, &diags),
		Timeouts: timeouts.Value{Object: types.ObjectNull(map[string]attr.Type{
			"create": types.StringType, "update": types.StringType, "delete": types.StringType,
		})},
	}
	model.fromAPI(ctx, member, &diags)
	model.setInitialCluster(all, member)
	return listed{name: describeMember(member), identity: memberIdentity{model.ID}, model: model, diags: diags}
}
