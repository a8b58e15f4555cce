// The form of `terraform providers schema -json`, and the same as the protocol tells it.
package main

import (
	"encoding/json"
	"log"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

type schema struct {
	Version int64 `json:"version"`
	Block   block `json:"block"`
}

type block struct {
	Attributes map[string]attribute `json:"attributes"`
	Blocks     map[string]nested    `json:"block_types"`
}

type attribute struct {
	Type      json.RawMessage `json:"type"`
	Nested    *object         `json:"nested_type"`
	Required  bool            `json:"required"`
	Optional  bool            `json:"optional"`
	Computed  bool            `json:"computed"`
	Sensitive bool            `json:"sensitive"`
	WriteOnly bool            `json:"write_only"`
}

type object struct {
	Attributes map[string]attribute `json:"attributes"`
	Nesting    string               `json:"nesting_mode"`
}

type nested struct {
	Block   block  `json:"block"`
	Nesting string `json:"nesting_mode"`
}

var objects = map[string]tfprotov6.SchemaObjectNestingMode{
	"single": tfprotov6.SchemaObjectNestingModeSingle,
	"list":   tfprotov6.SchemaObjectNestingModeList,
}

var blocks = map[string]tfprotov6.SchemaNestedBlockNestingMode{
	"list": tfprotov6.SchemaNestedBlockNestingModeList,
	"set":  tfprotov6.SchemaNestedBlockNestingModeSet,
}

func (one schema) told() *tfprotov6.Schema {
	return &tfprotov6.Schema{Version: one.Version, Block: one.Block.told()}
}

func (one block) told() *tfprotov6.SchemaBlock {
	told := &tfprotov6.SchemaBlock{Attributes: attributes(one.Attributes)}
	for name, inner := range one.Blocks {
		told.BlockTypes = append(told.BlockTypes, &tfprotov6.SchemaNestedBlock{
			TypeName: name, Block: inner.Block.told(), Nesting: blocks[inner.Nesting],
		})
	}
	return told
}

func attributes(known map[string]attribute) []*tfprotov6.SchemaAttribute {
	var told []*tfprotov6.SchemaAttribute
	for name, one := range known {
		said := &tfprotov6.SchemaAttribute{
			Name: name, Required: one.Required, Optional: one.Optional, Computed: one.Computed,
			Sensitive: one.Sensitive, WriteOnly: one.WriteOnly,
		}
		if one.Nested != nil {
			said.NestedType = &tfprotov6.SchemaObject{
				Attributes: attributes(one.Nested.Attributes), Nesting: objects[one.Nested.Nesting],
			}
		} else {
			said.Type = typed(name, one.Type)
		}
		told = append(told, said)
	}
	return told
}

func typed(name string, written json.RawMessage) tftypes.Type {
	known, err := tftypes.ParseJSONType(written)
	if err != nil {
		log.Fatalf("%s: %v", name, err)
	}
	return known
}
