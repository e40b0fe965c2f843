package fanfare

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Error of a call. All calls of this package, and of its stubs, end with one; errors.As finds it.
type Error struct {
	// Code is gRPC's.
	Code codes.Code
	// Message is for people.
	Message string
	// Reason is stable: a value of fanfarev1.ErrorReason without its prefix, for example "INVALID_FIELDS". Empty: the
	// error is gRPC's own, such as an expired deadline.
	Reason string
	// Metadata of the reason, for example the oldest_time of RESUME_TOKEN_EXPIRED.
	Metadata map[string]string
	// Violations are all fields that are wrong, with the path of each.
	Violations []Violation
	// Resource that was not found; nil for other errors.
	Resource *Resource
	// RetryAfter is what the server advises to wait before the call is repeated; nil: it advises nothing.
	RetryAfter *time.Duration

	status *status.Status
}

// Violation says what is wrong with one field of a request.
type Violation struct {
	// Field is its path, for example "message.ttl" or "topics[1]".
	Field       string
	Description string
}

// Resource that a call named.
type Resource struct {
	// Type is, for example, "subscription".
	Type string
	Name string
}

// Error gives code, reason, message and violations.
func (e *Error) Error() string {
	text := strings.TrimSpace(fmt.Sprintf("%s %s", e.Code, e.Reason)) + ": " + e.Message
	for _, violation := range e.Violations {
		text += fmt.Sprintf("\n  %s: %s", violation.Field, violation.Description)
	}
	return text
}

// GRPCStatus gives the status as it came, so that status.Code and status.FromError work.
func (e *Error) GRPCStatus() *status.Status { return e.status }

// ErrorFromStatus reads a status that came inside an answer, such as SendStreamAnswer.rejected.
func ErrorFromStatus(of *spb.Status) *Error { return newError(status.FromProto(of)) }

func newError(from *status.Status) *Error {
	made := &Error{Code: from.Code(), Message: from.Message(), status: from}
	for _, detail := range from.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			made.Reason, made.Metadata = detail.Reason, detail.Metadata
		case *errdetails.BadRequest:
			for _, violation := range detail.FieldViolations {
				made.Violations = append(made.Violations, Violation{violation.Field, violation.Description})
			}
		case *errdetails.ResourceInfo:
			made.Resource = &Resource{detail.ResourceType, detail.ResourceName}
		case *errdetails.RetryInfo:
			delay := detail.RetryDelay.AsDuration()
			made.RetryAfter = &delay
		}
	}
	return made
}

// typed turns the error of a call into an *Error.
func typed(err error) error {
	var already *Error
	if err == nil || errors.Is(err, io.EOF) || errors.As(err, &already) {
		return err
	}
	return newError(status.Convert(err))
}

// isLost tells whether the same call may go on if it is made again: the server said so, or the connection broke. A
// stream that was reset has no reason of ours.
func isLost(err *Error) bool {
	return err.Code == codes.Unavailable || err.RetryAfter != nil ||
		err.Reason == "" && (err.Code == codes.Unknown || err.Code == codes.Internal)
}

func unaryErrors(ctx context.Context, method string, request, reply any, connection *grpc.ClientConn,
	invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
	return typed(invoke(ctx, method, request, reply, connection, options...))
}

func streamErrors(ctx context.Context, description *grpc.StreamDesc, connection *grpc.ClientConn, method string,
	open grpc.Streamer, options ...grpc.CallOption) (grpc.ClientStream, error) {
	stream, err := open(ctx, description, connection, method, options...)
	if err != nil {
		return nil, typed(err)
	}
	return typedStream{stream}, nil
}

type typedStream struct{ grpc.ClientStream }

func (s typedStream) RecvMsg(message any) error { return typed(s.ClientStream.RecvMsg(message)) }
func (s typedStream) SendMsg(message any) error { return typed(s.ClientStream.SendMsg(message)) }
