package api

import "time"

// Component is a stack component as kept by zen: full for container registries, as given
// for all others.
type Component struct {
	ID            string         `json:"id,omitempty"` // of a container registry
	Name          string         `json:"name"`
	Flavor        string         `json:"flavor,omitempty"`
	Configuration map[string]any `json:"configuration,omitempty"`
	// more of the same type, where a stack may have several; this one is the default
	Further []Component `json:"further,omitempty"`
}

// Stack is a named set of components by type ("container_registry", "orchestrator", ...).
type Stack struct {
	ID          string               `json:"id"`
	Name        string               `json:"name"`
	Description string               `json:"description,omitempty"`
	Components  map[string]Component `json:"components"`
	Labels      map[string]string    `json:"labels,omitempty"`
	Owner       string               `json:"owner"`
	Created     time.Time            `json:"created"`
	Updated     time.Time            `json:"updated"`
	Active      bool                 `json:"active"`
	Server      string               `json:"server,omitempty"`
}

// RegisterStack is the params of stack.register.
type RegisterStack struct {
	Name        string            `json:"name"`
	Description string            `json:"description,omitempty"`
	Components  map[string]string `json:"components"` // type -> name
	// type -> names after the first, which is in Components
	Further map[string][]string `json:"further,omitempty"`
	Labels  map[string]string   `json:"labels,omitempty"`
	Set     bool                `json:"set,omitempty"`
}

// UpdateStack is the params of stack.update; an empty Ref means the active stack.
type UpdateStack struct {
	Ref         string             `json:"ref,omitempty"`
	Name        *string            `json:"name,omitempty"`
	Description *string            `json:"description,omitempty"`
	Components  map[string]*string `json:"components,omitempty"` // nil value: remove the component
	// type -> names after the first, which is in Components
	Further map[string][]string `json:"further,omitempty"`
	Labels  map[string]*string  `json:"labels,omitempty"`
}

// DeleteStack is the params of stack.delete.
type DeleteStack struct {
	Ref       string `json:"ref"`
	Recursive bool   `json:"recursive,omitempty"` // its container registry too, unless another stack uses it
}

// StackResult answers the stack methods.
type StackResult struct {
	Stack Stack `json:"stack"`
}

// StackList answers stack.list.
type StackList struct {
	Items    []Stack  `json:"items"`
	Page     Page     `json:"pagination"`
	Warnings []string `json:"warnings,omitempty"` // servers that did not answer
}

// StackFile is ZenML's export format of a stack.
type StackFile struct {
	ZenMLVersion string                    `json:"zenml_version" yaml:"zenml_version"`
	StackName    string                    `json:"stack_name" yaml:"stack_name"`
	Components   map[string]FileComponents `json:"components" yaml:"components"`
}

// FileComponents are the components of one type in a StackFile, the default first.
type FileComponents []FileComponent

// UnmarshalYAML reads a list, and also the single component that older ZenML wrote.
func (c *FileComponents) UnmarshalYAML(unmarshal func(any) error) error {
	var one FileComponent
	if unmarshal(&one) == nil {
		*c = FileComponents{one}
		return nil
	}
	return unmarshal((*[]FileComponent)(c))
}

// FileComponent is one component of a StackFile.
type FileComponent struct {
	Name          string         `json:"name" yaml:"name"`
	Type          string         `json:"type,omitempty" yaml:"type,omitempty"`
	Flavor        string         `json:"flavor" yaml:"flavor"`
	Configuration map[string]any `json:"configuration" yaml:"configuration"`
	Labels        map[string]any `json:"labels,omitempty" yaml:"labels,omitempty"`
}

// ImportStack is the params of stack.import.
type ImportStack struct {
	Name string    `json:"name,omitempty"` // "": the file's
	File StackFile `json:"file"`
}
