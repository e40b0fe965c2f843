// Package fanfare calls a Fanfare server: https://github.com/fanfare-push/fanfare.
//
// It is a thin layer over the generated stubs of package fanfarev1, which are there as Client.Push and Client.Admin. It
// adds what every caller needs: a connection with sensible keepalive, deadlines and retries; status streams that go on by
// themselves after a lost connection, without a gap or a duplicate; and errors whose details can be read.
package fanfare

import (
	"context"
	"crypto/tls"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"

	pb "github.com/fanfare-push/fanfare/clients/go/fanfarev1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
)

const (
	// How long a connection with calls may be quiet before it is asked for a sign of life, and how long that may take.
	keepaliveTime    = 30 * time.Second
	keepaliveTimeout = 10 * time.Second
	// Largest answer taken, in octets: a full page of subscriptions with all their topics and labels.
	answerOctetsMax = 64 << 20
)

// Which calls are retried, and how long they may take: see service-config.json.
//
//go:embed service-config.json
var serviceConfig string

// Options of a connection. The zero value is right for a server on this machine.
type Options struct {
	// Token of the application, sent with each call. Over http only to a loopback address.
	Token string
	// TLS for https targets; nil: the system's root certificates. Its Certificates are the client's own.
	TLS *tls.Config
	// AcceptFor is how long a call that opens a stream is repeated until its first frame comes. Zero: 30 seconds.
	AcceptFor time.Duration
	// ReconnectFor is how long a stream that was lost is taken up again, without a frame, before it ends with an error.
	// Zero: 5 minutes.
	ReconnectFor time.Duration
}

// Client of one server, for any number of goroutines.
type Client struct {
	// Push and Admin are the generated stubs. Their errors are of type *Error too.
	Push  pb.PushServiceClient
	Admin pb.AdminServiceClient

	connection *grpc.ClientConn
	options    Options
}

// Connect makes a client of the server at target, for example "http://127.0.0.1:8030" or "https://push.example.com". It
// does not wait for the connection, which is opened by the first call, and again whenever it was lost.
func Connect(target string, options Options) (*Client, error) {
	address, secure, err := parseTarget(target)
	if err != nil {
		return nil, err
	}
	if options.AcceptFor == 0 {
		options.AcceptFor = 30 * time.Second
	}
	if options.ReconnectFor == 0 {
		options.ReconnectFor = 5 * time.Minute
	}
	transport := insecure.NewCredentials()
	if secure {
		transport = credentials.NewTLS(options.TLS)
	} else if options.Token != "" && !isLoopback(address) {
		return nil, errors.New("fanfare: a token must not travel over http: use an https target")
	}
	retries := backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 5 * time.Second}
	dial := []grpc.DialOption{
		grpc.WithTransportCredentials(transport),
		grpc.WithDefaultServiceConfig(serviceConfig),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: keepaliveTime, Timeout: keepaliveTimeout}),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: retries, MinConnectTimeout: 5 * time.Second}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(answerOctetsMax)),
		grpc.WithChainUnaryInterceptor(unaryErrors),
		grpc.WithChainStreamInterceptor(streamErrors),
	}
	if options.Token != "" {
		dial = append(dial, grpc.WithPerRPCCredentials(bearer(options.Token)))
	}
	connection, err := grpc.NewClient("dns:///"+address, dial...)
	if err != nil {
		return nil, fmt.Errorf("fanfare: %w", err)
	}
	return &Client{
		Push:       pb.NewPushServiceClient(connection),
		Admin:      pb.NewAdminServiceClient(connection),
		connection: connection,
		options:    options,
	}, nil
}

// Connection is what the stubs call over: for other services of the server, such as grpc.health.v1.
func (c *Client) Connection() grpc.ClientConnInterface { return c.connection }

// Close ends all calls and closes the connection. Messages that were accepted go on without their caller.
func (c *Client) Close() error {
	return c.connection.Close()
}

func parseTarget(target string) (address string, secure bool, err error) {
	parsed, err := url.Parse(target)
	if err != nil || parsed.Host == "" || (parsed.Scheme != "http" && parsed.Scheme != "https") ||
		(parsed.Path != "" && parsed.Path != "/") {
		return "", false, fmt.Errorf("fanfare: %q must be http://host:port or https://host:port", target)
	}
	secure = parsed.Scheme == "https"
	port := parsed.Port()
	if port == "" {
		port = map[bool]string{true: "443", false: "80"}[secure]
	}
	return net.JoinHostPort(parsed.Hostname(), port), secure, nil
}

func isLoopback(address string) bool {
	host, _, _ := net.SplitHostPort(address)
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// A token that goes with each call. Printed, it does not show.
type bearer string

func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(b)}, nil
}

func (bearer) RequireTransportSecurity() bool { return false }

func (bearer) String() string { return "Bearer …" }
