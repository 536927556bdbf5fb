package zenml

import (
	"regexp"
	"strings"

	"github.com/zen-agent/zen/internal/credential"
)

// unreachableCloud are the words of the Python libraries by which a ZenML server asks
// clouds, when one cannot be reached or does not work: botocore, urllib3 and requests,
// google-api-core and grpc, azure-core. The server gives all of them as failures to
// authorize (zenml service_connectors, AuthorizationException).
const unreachableCloud = `(?i)could not connect to the endpoint|endpoint url: |` +
	`failed to establish a new connection|max retries exceeded|connection ?pool\(|` +
	`name or service not known|temporary failure in name resolution|nodename nor servname|` +
	`getaddrinfo failed|nameresolutionerror|failed to resolve|name resolution|` +
	`connection (was )?(refused|reset|aborted|closed)|remote end closed connection|cannot connect to|` +
	`failed to connect to|unable to connect|no route to host|network is unreachable|host is down|` +
	`timed out|timeout on endpoint|deadline exceeded|proxyerror|cannot connect to proxy|` +
	`servicerequesterror|serviceresponseerror|transporterror|` +
	`\b50[234]\b|service unavailable|bad gateway|gateway time-?out`

// cloudError is the error for what a cloud, or the registry behind it, said to the server:
// it could not be reached, or it refuses the connector's credentials.
func (c *Client) cloudError(message string) *credential.Error {
	e := &credential.Error{
		Reason:  credential.Rejected,
		Message: "ZenML server " + c.base.Host + ": " + message,
	}
	switch {
	case regexp.MustCompile(unreachableCloud).MatchString(message):
		e.Reason = credential.Unreachable
		e.Message = "ZenML server " + c.base.Host + " cannot reach what the service connector is for: " +
			message
		e.Hint = "it is the server's network that counts, not this machine's; try again later"
	case strings.Contains(message, "does not allow access to the provided"):
		e.Reason = credential.InvalidInput
		e.Hint = "see which there are: zen service-connector list-resources"
	}
	return e
}
