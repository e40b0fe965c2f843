package fanfare

import (
	"context"
	"errors"
	"io"
	"iter"

	pb "github.com/fanfare-push/fanfare/clients/go/fanfarev1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// Send sends a message to one recipient and returns once it is accepted: from then on it is durable, whatever becomes of
// the caller. The stream tells what happens to it. A request without a request_id gets one, so that a call whose
// connection was lost is repeated without sending twice. Context and its deadline are those of the whole stream.
func (c *Client) Send(ctx context.Context, request *pb.SendRequest) (*Deliveries, error) {
	request = proto.CloneOf(request)
	request.RequestId = requestID(request.RequestId)
	return c.open(ctx, &pb.WatchDeliveriesRequest{
		Application:     request.Application,
		ReportLevel:     request.ReportLevel,
		IncludeReceipts: request.IncludeReceipts,
	}, func(ctx context.Context) (receiver, error) {
		stream, err := c.Push.Send(ctx, request)
		return receive(stream), err
	})
}

// Broadcast sends a message to an audience. All else is as for Send.
func (c *Client) Broadcast(ctx context.Context, request *pb.BroadcastRequest) (*Deliveries, error) {
	request = proto.CloneOf(request)
	request.RequestId = requestID(request.RequestId)
	return c.open(ctx, &pb.WatchDeliveriesRequest{
		Application:     request.Application,
		ReportLevel:     request.ReportLevel,
		IncludeReceipts: request.IncludeReceipts,
	}, func(ctx context.Context) (receiver, error) {
		stream, err := c.Push.Broadcast(ctx, request)
		return receive(stream), err
	})
}

// Watch follows one message ("messages/{id}") or all of the application ("messages/-"), from a resume token on if the
// request has one.
func (c *Client) Watch(ctx context.Context, request *pb.WatchDeliveriesRequest) (*Deliveries, error) {
	return c.open(ctx, proto.CloneOf(request), nil)
}

// Deliveries is a status stream: a position in the server's durable log. When the connection is lost or the server stops,
// it goes on from its last token by itself. It is for one goroutine.
type Deliveries struct {
	client *Client
	ctx    context.Context
	cancel context.CancelFunc
	// The call that the stream begins with; nil once its message is known, and for Watch.
	begin func(context.Context) (receiver, error)
	// The call by which it goes on.
	watch    *pb.WatchDeliveriesRequest
	receiver receiver
	pause    pause
	first    *pb.DeliveryFrame
	message  *pb.MessageStatus
	replayed bool
	// Everything that was asked for has come, although the call has not ended.
	told  bool
	ended bool
}

// A response of Send, Broadcast or WatchDeliveries.
type framed interface{ GetFrame() *pb.DeliveryFrame }

type receiver func() (*pb.DeliveryFrame, error)

func receive[R any, F interface {
	*R
	framed
}](stream grpc.ServerStreamingClient[R]) receiver {
	return func() (*pb.DeliveryFrame, error) {
		response, err := stream.Recv()
		if err != nil {
			return nil, err
		}
		return F(response).GetFrame(), nil
	}
}

func (c *Client) open(ctx context.Context, watch *pb.WatchDeliveriesRequest,
	begin func(context.Context) (receiver, error)) (*Deliveries, error) {
	ctx, cancel := context.WithCancel(ctx)
	d := &Deliveries{client: c, ctx: ctx, cancel: cancel, begin: begin, watch: watch, pause: newPause(c.options.AcceptFor)}
	first, err := d.next()
	if err != nil && !errors.Is(err, io.EOF) {
		cancel()
		return nil, err
	}
	d.first = first
	return d, nil
}

// Next waits for the next frame. At the end of the stream it gives io.EOF; other errors are of type *Error.
func (d *Deliveries) Next() (*pb.DeliveryFrame, error) {
	if frame := d.first; frame != nil {
		d.first = nil
		return frame, nil
	}
	return d.next()
}

// Frames gives one frame after the other until the stream ends. Store the resume token of a frame together with what you
// did for it, and each event has its effect exactly once. After an error there is nothing more.
func (d *Deliveries) Frames() iter.Seq2[*pb.DeliveryFrame, error] {
	return func(yield func(*pb.DeliveryFrame, error) bool) {
		for {
			frame, err := d.Next()
			if errors.Is(err, io.EOF) || !yield(frame, err) || err != nil {
				return
			}
		}
	}
}

// Events gives what happened to each endpoint, one event after the other, and leaves out all else.
func (d *Deliveries) Events() iter.Seq2[*pb.DeliveryEvent, error] {
	return func(yield func(*pb.DeliveryEvent, error) bool) {
		for frame, err := range d.Frames() {
			if err != nil {
				yield(nil, err)
				return
			}
			for _, event := range frame.GetEvents().GetEvents() {
				if !yield(event, nil) {
					return
				}
			}
		}
	}
}

// Message is how the message stood in the newest frame that told of it: at first as it was accepted, at last its summary.
// Nil for "messages/-" until a frame tells of one.
func (d *Deliveries) Message() *pb.MessageStatus { return d.message }

// Replayed tells whether the request_id had been seen before: the call joined an earlier message.
func (d *Deliveries) Replayed() bool { return d.replayed }

// ResumeToken is the position after the newest frame that was received.
func (d *Deliveries) ResumeToken() string { return d.watch.ResumeToken }

// Close leaves the stream. Delivery goes on, unless the request said cancel_on_disconnect.
func (d *Deliveries) Close() {
	d.ended = true
	d.cancel()
}

func (d *Deliveries) next() (*pb.DeliveryFrame, error) {
	for !d.ended {
		frame, err := d.receive()
		if err == nil {
			d.advance(frame)
			return frame, nil
		}
		d.receiver = nil
		if errors.Is(err, io.EOF) || d.told {
			break
		}
		if err := d.pause.wait(d.ctx, err); err != nil {
			d.Close()
			return nil, err
		}
	}
	d.Close()
	return nil, io.EOF
}

func (d *Deliveries) receive() (*pb.DeliveryFrame, error) {
	if d.receiver == nil {
		open := d.begin
		if open == nil {
			open = func(ctx context.Context) (receiver, error) {
				stream, err := d.client.Push.WatchDeliveries(ctx, d.watch)
				return receive(stream), err
			}
		}
		receiver, err := open(d.ctx)
		if err != nil {
			return nil, err
		}
		d.receiver = receiver
	}
	return d.receiver()
}

// advance notes that a frame came: what is opened next goes on behind it.
func (d *Deliveries) advance(frame *pb.DeliveryFrame) {
	d.pause = newPause(d.client.options.ReconnectFor)
	d.watch.ResumeToken = frame.ResumeToken
	switch kind := frame.Kind.(type) {
	case *pb.DeliveryFrame_Accepted:
		d.message, d.replayed = kind.Accepted.Message, kind.Accepted.Replayed
		if d.begin != nil {
			d.watch.Parent, d.begin = d.message.GetName(), nil
			dryRun := d.watch.Parent == ""
			d.told = dryRun || d.watch.ReportLevel == pb.ReportLevel_REPORT_LEVEL_ACCEPTED
		}
	case *pb.DeliveryFrame_Progress:
		if kind.Progress.GetName() != "" {
			d.message = kind.Progress
		}
	case *pb.DeliveryFrame_Summary:
		d.message = kind.Summary
		// The server ends the call now; if the connection is lost instead, nothing is missing.
		d.ended = d.watch.Parent == kind.Summary.Name
	}
}
