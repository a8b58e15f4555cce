// A provider of Terraform that knows its arguments and can do nothing else. It stands in for one that cannot be had,
// so that whatever is written against it is parsed, wired, typed and planned by Terraform itself. Which one it is, its
// file name says: terraform-provider-<name>_v<version>, and <name>.json has the arguments, in the form of
// `terraform providers schema -json`. It refuses to be configured: nothing real is ever planned or applied with it.
package main

import (
	"context"
	"embed"
	"encoding/json"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6/tf6server"
)

//go:embed *.json
var files embed.FS

type description struct {
	Source    string            `json:"source"`
	Provider  schema            `json:"provider"`
	Resources map[string]schema `json:"resource_schemas"`
}

// Whatever is not written here is not served, and ends the process.
type standIn struct {
	tfprotov6.ProviderServer
	knows description
}

func main() {
	name, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(os.Args[0]), "terraform-provider-"), "_")
	content, err := files.ReadFile(name + ".json")
	if err != nil {
		log.Fatal(err)
	}
	var knows description
	if err := json.Unmarshal(content, &knows); err != nil {
		log.Fatal(err)
	}
	serve := func() tfprotov6.ProviderServer { return standIn{knows: knows} }
	if err := tf6server.Serve("registry.terraform.io/"+knows.Source, serve); err != nil {
		log.Fatal(err)
	}
}

func (one standIn) GetProviderSchema(
	context.Context, *tfprotov6.GetProviderSchemaRequest,
) (*tfprotov6.GetProviderSchemaResponse, error) {
	resources := make(map[string]*tfprotov6.Schema, len(one.knows.Resources))
	for name, known := range one.knows.Resources {
		resources[name] = known.told()
	}
	return &tfprotov6.GetProviderSchemaResponse{Provider: one.knows.Provider.told(), ResourceSchemas: resources}, nil
}

func (standIn) GetResourceIdentitySchemas(
	context.Context, *tfprotov6.GetResourceIdentitySchemasRequest,
) (*tfprotov6.GetResourceIdentitySchemasResponse, error) {
	return &tfprotov6.GetResourceIdentitySchemasResponse{}, nil
}

func (standIn) ValidateProviderConfig(
	_ context.Context, asked *tfprotov6.ValidateProviderConfigRequest,
) (*tfprotov6.ValidateProviderConfigResponse, error) {
	return &tfprotov6.ValidateProviderConfigResponse{PreparedConfig: asked.Config}, nil
}

func (standIn) ValidateResourceConfig(
	context.Context, *tfprotov6.ValidateResourceConfigRequest,
) (*tfprotov6.ValidateResourceConfigResponse, error) {
	return &tfprotov6.ValidateResourceConfigResponse{}, nil
}

func (one standIn) ConfigureProvider(
	context.Context, *tfprotov6.ConfigureProviderRequest,
) (*tfprotov6.ConfigureProviderResponse, error) {
	return &tfprotov6.ConfigureProviderResponse{Diagnostics: []*tfprotov6.Diagnostic{{
		Severity: tfprotov6.DiagnosticSeverityError,
		Summary:  one.knows.Source + " is a stand-in here, for tests with mocks alone",
		Detail:   "Unset TF_CLI_CONFIG_FILE, and run terraform init again.",
	}}}, nil
}

func (standIn) StopProvider(
	context.Context, *tfprotov6.StopProviderRequest,
) (*tfprotov6.StopProviderResponse, error) {
	return &tfprotov6.StopProviderResponse{}, nil
}
