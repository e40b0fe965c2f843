package fanfare

import (
	"context"

	pb "github.com/fanfare-push/fanfare/clients/go/fanfarev1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// Subscribe stores a browser's subscription: browser is what JSON.stringify(subscription) gave in the page. The rest of
// the request (user, topics, …) is taken from with, which may be nil. JSON that is none of a PushSubscription is an
// *Error with codes.InvalidArgument, as is whatever the server finds wrong.
func (c *Client) Subscribe(ctx context.Context, browser []byte, with *pb.SubscribeRequest) (*pb.SubscribeResponse, error) {
	subscription := &pb.PushSubscription{}
	// Members that browsers will add are none of ours.
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(browser, subscription); err != nil {
		return nil, notASubscription()
	}
	request := &pb.SubscribeRequest{}
	if with != nil {
		proto.Merge(request, with)
	}
	request.PushSubscription = subscription
	return c.Push.Subscribe(ctx, request)
}

// The parser's own words would repeat the endpoint, which is a secret.
func notASubscription() *Error {
	const words = "must be the JSON of a browser's PushSubscription"
	refused := status.New(codes.InvalidArgument, "push_subscription "+words)
	detailed, err := refused.WithDetails(
		&errdetails.ErrorInfo{Reason: "INVALID_FIELDS", Domain: "fanfare.v1"},
		&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{
			{Field: "push_subscription", Description: words},
		}},
	)
	if err != nil {
		detailed = refused
	}
	return newError(detailed)
}
