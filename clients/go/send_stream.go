package fanfare

import (
	"context"
	"errors"
	"io"
	"iter"
	"slices"
	"sync"

	pb "github.com/fanfare-push/fanfare/clients/go/fanfarev1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// SendStream sends many messages over one call, flow-controlled both ways, and tells what becomes of them: requests are
// taken from the sequence as the server takes them. One that is refused is an answer with `rejected`, and the stream goes
// on. A lost call is taken up again: what had not ended is sent once more, with its request_id, and what had been told is
// not told again. If receipts were asked for, a lost call ends with an error instead: watch "messages/-" from the last
// token.
func (c *Client) SendStream(ctx context.Context, requests iter.Seq[*pb.SendRequest]) *Results {
	ctx, cancel := context.WithCancel(ctx)
	r := &Results{
		client: c, ctx: ctx, cancel: cancel, pause: newPause(c.options.AcceptFor),
		input: make(chan *pb.SendRequest), byID: map[string]*sending{}, byMessage: map[string]*sending{},
	}
	go func() {
		defer close(r.input)
		for request := range requests {
			select {
			case r.input <- request:
			case <-ctx.Done():
				return
			}
		}
	}()
	return r
}

// Results of SendStream: for one goroutine.
type Results struct {
	client *Client
	ctx    context.Context
	cancel context.CancelFunc
	call   grpc.BidiStreamingClient[pb.SendStreamRequest, pb.SendStreamResponse]
	hangUp context.CancelFunc
	sender sync.WaitGroup
	pause  pause
	// The newest token that was handed out, and those who must end before a newer one may be: they were under way when a
	// call was lost, so the server tells of them again, after its newest position.
	token   string
	carried map[*sending]bool

	input chan *pb.SendRequest
	// Guards what follows, which the sender adds to.
	mutex     sync.Mutex
	exhausted bool
	// Whether receipts were asked for: they come after a message has ended, of which nothing is kept here.
	receipts bool
	// What has not ended, in the order of the requests.
	order     []*sending
	byID      map[string]*sending
	byMessage map[string]*sending
}

// sending is a request whose message has not ended.
type sending struct {
	request *pb.SendRequest
	level   pb.ReportLevel
	// Whether it was answered at all, and whether the present call has done so.
	answered, answeredHere bool
	remaining              int32
	// The events that were handed out.
	seen map[string]bool
	done bool
}

// Next waits for the next response: answers, events or progress. At the end it gives io.EOF; other errors are of type
// *Error. Progress counts the messages of the present call, which after a reconnection are fewer.
func (r *Results) Next() (*pb.SendStreamResponse, error) {
	for {
		response, err := r.receive()
		if err == nil {
			r.pause = newPause(r.client.options.ReconnectFor)
			if response, err = r.news(response); err != nil {
				r.Close()
				return nil, err
			}
			if response != nil {
				return response, nil
			}
			continue
		}
		r.leaveCall()
		if !errors.Is(err, io.EOF) && r.receipts {
			r.Close()
			return nil, err
		}
		if errors.Is(err, io.EOF) || r.complete() {
			r.Close()
			return nil, io.EOF
		}
		if err := r.pause.wait(r.ctx, err); err != nil {
			r.Close()
			return nil, err
		}
	}
}

// All gives one response after the other until the stream ends. After an error there is nothing more.
func (r *Results) All() iter.Seq2[*pb.SendStreamResponse, error] {
	return func(yield func(*pb.SendStreamResponse, error) bool) {
		for {
			response, err := r.Next()
			if errors.Is(err, io.EOF) || !yield(response, err) || err != nil {
				return
			}
		}
	}
}

// Close leaves the stream. Messages that were accepted go on.
func (r *Results) Close() { r.cancel() }

func (r *Results) receive() (*pb.SendStreamResponse, error) {
	if r.call == nil {
		ctx, hangUp := context.WithCancel(r.ctx)
		call, err := r.client.Push.SendStream(ctx)
		if err != nil {
			hangUp()
			return nil, err
		}
		r.call, r.hangUp = call, hangUp
		r.mutex.Lock()
		repeated := slices.DeleteFunc(slices.Clone(r.order), func(s *sending) bool { return s.done })
		r.mutex.Unlock()
		r.sender.Go(func() { r.send(ctx, call, repeated) })
	}
	return r.call.Recv()
}

// leaveCall forgets a call that has ended, and carries over what had not ended.
func (r *Results) leaveCall() {
	if r.call == nil {
		return
	}
	r.hangUp()
	r.sender.Wait()
	r.call = nil
	r.carried = map[*sending]bool{}
	for _, s := range r.order {
		if !s.done {
			s.answeredHere = false
			r.carried[s] = true
		}
	}
}

// send sends what had not ended, then what comes. An error shows where answers are received.
func (r *Results) send(ctx context.Context, call grpc.BidiStreamingClient[pb.SendStreamRequest, pb.SendStreamResponse],
	repeated []*sending) {
	for _, s := range repeated {
		if call.Send(&pb.SendStreamRequest{Send: s.request}) != nil {
			return
		}
	}
	for {
		select {
		case request, more := <-r.input:
			if !more {
				r.mutex.Lock()
				r.exhausted = true
				r.mutex.Unlock()
				_ = call.CloseSend()
				return
			}
			if call.Send(&pb.SendStreamRequest{Send: r.add(request).request}) != nil {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

func (r *Results) add(request *pb.SendRequest) *sending {
	request = proto.CloneOf(request)
	request.RequestId = requestID(request.RequestId)
	s := &sending{request: request, level: request.ReportLevel, seen: map[string]bool{}}
	// Only at these levels can the end of a message be seen.
	if s.level == pb.ReportLevel_REPORT_LEVEL_PROGRESS || s.level == pb.ReportLevel_REPORT_LEVEL_FAILURES {
		request.ReportLevel = pb.ReportLevel_REPORT_LEVEL_TERMINAL
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.receipts = r.receipts || request.IncludeReceipts
	// A request_id that is under way already is refused by the server: the answer is all there is of it.
	if r.byID[request.RequestId] == nil {
		r.byID[request.RequestId] = s
		r.order = append(r.order, s)
	}
	return s
}

func (r *Results) complete() bool {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.exhausted && len(r.order) == 0
}

// news leaves out what was told before the call was lost; nil: nothing is left.
func (r *Results) news(response *pb.SendStreamResponse) (*pb.SendStreamResponse, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	switch content := response.Content.(type) {
	case *pb.SendStreamResponse_Answers:
		var kept []*pb.SendStreamAnswer
		for _, answer := range content.Answers.Answers {
			news, err := r.answer(answer)
			if err != nil {
				return nil, err
			}
			if news {
				kept = append(kept, answer)
			}
		}
		content.Answers.Answers = kept
		if len(kept) == 0 {
			return nil, nil
		}
	case *pb.SendStreamResponse_Frame:
		frame := content.Frame
		if events := frame.GetEvents(); events != nil {
			var kept []*pb.DeliveryEvent
			for _, event := range events.Events {
				if r.event(event) {
					kept = append(kept, event)
				}
			}
			events.Events = kept
		}
		if len(r.carried) > 0 {
			frame.ResumeToken = r.token
		}
		r.token = frame.ResumeToken
		if events := frame.GetEvents(); events != nil && len(events.Events) == 0 {
			return nil, nil
		}
	}
	return response, nil
}

func (r *Results) answer(answer *pb.SendStreamAnswer) (news bool, err error) {
	s := r.byID[answer.RequestId]
	if s == nil || s.answeredHere {
		return true, nil
	}
	again := s.answered
	s.answered, s.answeredHere = true, true
	if rejected := answer.GetRejected(); rejected != nil {
		if again {
			return false, ErrorFromStatus(rejected)
		}
		r.end(s)
		return true, nil
	}
	if again {
		return false, nil
	}
	message := answer.GetAccepted().GetMessage()
	s.remaining = message.GetCounts().GetTargets()
	r.byMessage[message.GetName()] = s
	if s.remaining == 0 || s.level == pb.ReportLevel_REPORT_LEVEL_ACCEPTED {
		r.end(s)
	}
	return true, nil
}

func (r *Results) event(event *pb.DeliveryEvent) (news bool) {
	s := r.byMessage[event.Message]
	if s == nil || s.seen[event.EventId] {
		return s == nil
	}
	s.seen[event.EventId] = true
	terminal := event.State >= pb.DeliveryState_DELIVERY_STATE_ACCEPTED
	if terminal {
		if s.remaining--; s.remaining == 0 {
			delete(r.byMessage, event.Message)
			r.end(s)
		}
	}
	switch s.level {
	case pb.ReportLevel_REPORT_LEVEL_PROGRESS:
		return false
	case pb.ReportLevel_REPORT_LEVEL_FAILURES:
		return event.State != pb.DeliveryState_DELIVERY_STATE_ACCEPTED
	default:
		return true
	}
}

func (r *Results) end(s *sending) {
	s.done = true
	delete(r.byID, s.request.RequestId)
	delete(r.carried, s)
	// Most end in the order in which they began.
	for len(r.order) > 0 && r.order[0].done {
		r.order = r.order[1:]
	}
}
