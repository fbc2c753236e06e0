package provider

import (
	"regexp"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
)

var (
	aSentence = regexp.MustCompile("(?s)^[`A-Z0-9].*[.]$")
	// anAbsence matches a text about omitting an optional attribute: a default, another
	// attribute in its place, or the meaning of its absence.
	anAbsence = regexp.MustCompile(
		`(?i)\b(default|conflicts with|exactly one of|one of|environment|without (it|one|this|either)|null|empty|unset|required with|needs?)\b`,
	)
	// aQuantity matches the name of an attribute that is a quantity.
	aQuantity = regexp.MustCompile(`(^|_)(ttl|timeout|delay|latency|uptime|age|size|bytes|bandwidth|rate|renew_below|interval|duration)($|_)`)
	aUnit     = regexp.MustCompile(`(?i)\b(nano|micro|milli)?seconds?\b|\bdurations?\b|\bbytes?\b|\bminutes?\b|\brequests\b|\btimes\b`)
)

// TestDescriptions checks that every object, attribute and parameter is described in
// sentences that name the unit and the behavior without the attribute.
func TestDescriptions(t *testing.T) {
	t.Parallel()

	server := newServer()
	schemas, err := server.GetProviderSchema(t.Context(), &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if text := errorText(schemas.Diagnostics); text != "" {
		t.Fatal(text)
	}
	describedBlock(t, "provider", schemas.Provider.Block)
	for kind, objects := range map[string]map[string]*tfprotov6.Schema{
		"resource": schemas.ResourceSchemas, "data": schemas.DataSourceSchemas,
		"ephemeral": schemas.EphemeralResourceSchemas, "list": schemas.ListResourceSchemas, "store": schemas.StateStoreSchemas,
	} {
		for name, object := range objects {
			describedBlock(t, kind+" "+name, object.Block)
		}
	}
	for name, action := range schemas.ActionSchemas {
		describedBlock(t, "action "+name, action.Schema.Block)
	}
	for name, function := range schemas.Functions {
		if function.Summary == "" {
			t.Errorf("function %s has no summary", name)
		}
		described(t, "function "+name, function.Description)
		for _, parameter := range function.Parameters {
			described(t, "function "+name+": "+parameter.Name, parameter.Description)
		}
		if function.VariadicParameter != nil {
			described(t, "function "+name+": "+function.VariadicParameter.Name, function.VariadicParameter.Description)
		}
	}
	identities, err := server.GetResourceIdentitySchemas(t.Context(), &tfprotov6.GetResourceIdentitySchemasRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for name, identity := range identities.IdentitySchemas {
		for _, attribute := range identity.IdentityAttributes {
			described(t, "identity of "+name+": "+attribute.Name, attribute.Description)
		}
	}
}

func described(t *testing.T, what, description string) {
	t.Helper()

	if !aSentence.MatchString(description) {
		t.Errorf("%s: the description is not a sentence: %q", what, description)
	}
}

func describedBlock(t *testing.T, what string, block *tfprotov6.SchemaBlock) {
	t.Helper()

	described(t, what, block.Description)
	describedAttributes(t, what, block.Attributes)
	for _, nested := range block.BlockTypes {
		describedBlock(t, what+"."+nested.TypeName, nested.Block)
	}
}

func describedAttributes(t *testing.T, what string, attributes []*tfprotov6.SchemaAttribute) {
	t.Helper()

	for _, attribute := range attributes {
		name := what + "." + attribute.Name
		described(t, name, attribute.Description)
		if attribute.DescriptionKind != tfprotov6.StringKindMarkdown {
			t.Errorf("%s: the description is not in Markdown", name)
		}
		if attribute.Optional && !attribute.Computed && attribute.NestedType == nil && !anAbsence.MatchString(attribute.Description) {
			t.Errorf("%s: the description of an optional attribute has no default: %q", name, attribute.Description)
		}
		if aQuantity.MatchString(attribute.Name) && !aUnit.MatchString(attribute.Description) && attribute.NestedType == nil {
			t.Errorf("%s: the description of a quantity has no unit: %q", name, attribute.Description)
		}
		if attribute.NestedType != nil {
			describedAttributes(t, name, attribute.NestedType.Attributes)
		}
	}
}
