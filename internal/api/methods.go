package api

import "slices"

// Method names. Those of the first group are all that docker-credential-zen can call.
const (
	MethodGet   = "get"
	MethodStore = "store"
	MethodErase = "erase"
	MethodList  = "list"

	MethodStatus = "status"
	MethodLogin  = "login"
	MethodLogout = "logout"
	MethodLogins = "logins"
	MethodWhy    = "why"
	MethodLimits = "limits" // asks Docker Hub how many pulls are left

	MethodCredentialVerify = "credential.verify" // params as store's; asks the registry and keeps nothing

	MethodDaemonStop    = "daemon.stop"    // drain and exit
	MethodDaemonRestart = "daemon.restart" // drain and execute the installed zend in place

	MethodVaultStatus     = "vault.status"
	MethodVaultLock       = "vault.lock"
	MethodVaultUnlock     = "vault.unlock"     // secrets: passphrase (optional)
	MethodVaultPassphrase = "vault.passphrase" // secrets: passphrase ("" with Remove)
	MethodVaultRotate     = "vault.rotate"
	MethodVaultRestore    = "vault.restore"

	MethodConnectorTypes     = "connector.types"
	MethodConnectorRegister  = "connector.register" // secrets: the configuration, whole
	MethodConnectorList      = "connector.list"
	MethodConnectorGet       = "connector.get"
	MethodConnectorReveal    = "connector.reveal" // audited; answers the configuration with its secrets
	MethodConnectorUpdate    = "connector.update" // secrets: the changed configuration
	MethodConnectorDelete    = "connector.delete"
	MethodConnectorVerify    = "connector.verify"
	MethodConnectorResources = "connector.resources"

	MethodRegistryFlavors    = "registry.flavors"
	MethodRegistryRegister   = "registry.register"
	MethodRegistryList       = "registry.list"
	MethodRegistryGet        = "registry.get"
	MethodRegistryUpdate     = "registry.update"
	MethodRegistryDelete     = "registry.delete"
	MethodRegistryCopy       = "registry.copy"
	MethodRegistryConnect    = "registry.connect"
	MethodRegistryDisconnect = "registry.disconnect"

	MethodStackRegister = "stack.register"
	MethodStackList     = "stack.list"
	MethodStackGet      = "stack.get"
	MethodStackUpdate   = "stack.update"
	MethodStackDelete   = "stack.delete"
	MethodStackCopy     = "stack.copy"
	MethodStackSet      = "stack.set"
	MethodStackExport   = "stack.export"
	MethodStackImport   = "stack.import"

	MethodServerConnect    = "server.connect" // secrets: key
	MethodServerDevice     = "server.device"  // begins a login in a browser
	MethodServerList       = "server.list"
	MethodServerGet        = "server.get"
	MethodServerUse        = "server.use"
	MethodServerDisconnect = "server.disconnect"

	MethodAudit = "audit"

	MethodApprovalList   = "approval.list"   // requests that wait for a person's yes
	MethodApprovalAnswer = "approval.answer" // yes or no
)

// Method is what both ends know of a method of the wire.
type Method struct {
	Name       string
	Repeatable bool // twice is the same as once: clients repeat it when zend vanishes
	Secrets    bool // its params or its result carry secrets
}

// Repeatable reports whether carrying out the method twice is the same as once.
func Repeatable(name string) bool {
	return slices.ContainsFunc(Methods(), func(m Method) bool { return m.Name == name && m.Repeatable })
}

// Methods are all methods of the wire, as docs/protocol.md lists them.
func Methods() []Method {
	return []Method{
		{Name: MethodGet, Repeatable: true, Secrets: true},
		{Name: MethodStore, Repeatable: true, Secrets: true},
		{Name: MethodErase, Repeatable: true},
		{Name: MethodList, Repeatable: true},
		{Name: MethodStatus, Repeatable: true},
		{Name: MethodLogin},
		{Name: MethodLogout},
		{Name: MethodLogins, Repeatable: true},
		{Name: MethodWhy, Repeatable: true},
		{Name: MethodLimits, Repeatable: true},
		{Name: MethodCredentialVerify, Repeatable: true, Secrets: true},
		{Name: MethodDaemonStop},
		{Name: MethodDaemonRestart},
		{Name: MethodVaultStatus, Repeatable: true},
		{Name: MethodVaultLock},
		{Name: MethodVaultUnlock, Secrets: true},
		{Name: MethodVaultPassphrase, Secrets: true},
		{Name: MethodVaultRotate},
		{Name: MethodVaultRestore},
		{Name: MethodConnectorTypes, Repeatable: true},
		{Name: MethodConnectorRegister, Secrets: true},
		{Name: MethodConnectorList, Repeatable: true},
		{Name: MethodConnectorGet, Repeatable: true},
		{Name: MethodConnectorReveal, Secrets: true},
		{Name: MethodConnectorUpdate, Secrets: true},
		{Name: MethodConnectorDelete},
		{Name: MethodConnectorVerify, Repeatable: true},
		{Name: MethodConnectorResources, Repeatable: true},
		{Name: MethodRegistryFlavors, Repeatable: true},
		{Name: MethodRegistryRegister},
		{Name: MethodRegistryList, Repeatable: true},
		{Name: MethodRegistryGet, Repeatable: true},
		{Name: MethodRegistryUpdate},
		{Name: MethodRegistryDelete},
		{Name: MethodRegistryCopy},
		{Name: MethodRegistryConnect},
		{Name: MethodRegistryDisconnect},
		{Name: MethodStackRegister},
		{Name: MethodStackList, Repeatable: true},
		{Name: MethodStackGet, Repeatable: true},
		{Name: MethodStackUpdate},
		{Name: MethodStackDelete},
		{Name: MethodStackCopy},
		{Name: MethodStackSet},
		{Name: MethodStackExport, Repeatable: true},
		{Name: MethodStackImport},
		{Name: MethodServerConnect, Secrets: true},
		{Name: MethodServerDevice},
		{Name: MethodServerList, Repeatable: true},
		{Name: MethodServerGet, Repeatable: true},
		{Name: MethodServerUse},
		{Name: MethodServerDisconnect},
		{Name: MethodAudit, Repeatable: true},
		{Name: MethodApprovalList, Repeatable: true},
		{Name: MethodApprovalAnswer},
	}
}
