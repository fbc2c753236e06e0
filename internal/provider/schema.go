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
		MarkdownDescription: description + " It starts with `/`, and has no empty, `.` or `..` segment and no slash at its end. " +
			"A change replaces the object.",
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
	return steeringAttribute(strings.Join(append([]string{"Take over " + what +
		" that already exists when it is created here, instead of failing. " +
		"Default: `false`. A change has no effect on one that is managed already."}, private...), " "))
}

// adoptsTTL says what becomes of the TTL of what is taken over.
const adoptsTTL = "The TTL becomes that of the configuration, or none, as the value does; a warning of the apply names what had another."

func createdIndexAttribute() schema.Int64Attribute {
	return schema.Int64Attribute{
		Computed:            true,
		MarkdownDescription: "Index of the event that created it. A plain write by somebody else creates a key again, under a new one.",
	}
}

func modifiedIndexAttribute(moves string) schema.Int64Attribute {
	return schema.Int64Attribute{
		Computed:            true,
		MarkdownDescription: "Index of the event that last changed it. " + moves,
	}
}

func expirationAttribute() schema.StringAttribute {
	return schema.StringAttribute{
		Computed:            true,
		MarkdownDescription: "When it expires, in UTC by RFC 3339; null without a TTL.",
	}
}
