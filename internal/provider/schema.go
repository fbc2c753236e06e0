package provider

import (
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
)

// The attributes that several resources of the key space have.

// pathAttribute is the path that names a key or directory.
func pathAttribute(description string) schema.StringAttribute {
	return schema.StringAttribute{
		Required: true,
		MarkdownDescription: description + " It starts with `/`, does not end with one, and none of its segments is empty, `.` or `..`. A " +
			"change replaces the object.",
		Validators:    []validator.String{isPath()},
		PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()},
	}
}

// pathIdentity is the path as the identity of an object.
func pathIdentity(name, description string) identityschema.Schema {
	return identityschema.Schema{Attributes: map[string]identityschema.Attribute{
		name: identityschema.StringAttribute{RequiredForImport: true, Description: description},
	}}
}

func adoptAttribute(what string, private ...string) schema.BoolAttribute {
	return steeringAttribute(strings.Join(append([]string{"Take over " + what + ". With `false`, creating the object then " +
		"fails. Default: `false`. A change has no effect on an object that is already managed."}, private...), " "))
}

// adoptsTTL says what becomes of the TTL of what is taken over.
const adoptsTTL = "The TTL becomes what the configuration says, or none; a warning of the apply names each object that had another one."

func createdIndexAttribute() schema.Int64Attribute {
	return schema.Int64Attribute{
		Computed: true,
		MarkdownDescription: "Index of the event that created the object. An unconditional write by somebody else creates a key again, with " +
			"a new index.",
	}
}

func modifiedIndexAttribute(moves string) schema.Int64Attribute {
	return schema.Int64Attribute{
		Computed:            true,
		MarkdownDescription: "Index of the event that last changed the object. " + moves,
	}
}

func expirationAttribute() schema.StringAttribute {
	return schema.StringAttribute{
		Computed:            true,
		MarkdownDescription: "Time at which the object expires, in UTC as RFC 3339; null without a TTL.",
	}
}
