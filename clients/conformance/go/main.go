// The Go client's driver of the conformance suite: see ../README.md.
package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"
	"sync"
	"time"

	fanfare "github.com/fanfare-push/fanfare/clients/go"
	pb "github.com/fanfare-push/fanfare/clients/go/fanfarev1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"
)

type step struct {
	Do           string          `json:"do"`
	Target       string          `json:"target"`
	Token        string          `json:"token"`
	Certificate  string          `json:"certificate"`
	ReconnectFor float64         `json:"reconnect_for"`
	AcceptFor    float64         `json:"accept_for"`
	RPC          string          `json:"rpc"`
	Request      json.RawMessage `json:"request"`
	Subscription json.RawMessage `json:"subscription"`
	Deadline     float64         `json:"deadline"`
	Stream       string          `json:"stream"`
	Events       int             `json:"events"`
	Count        int             `json:"count"`
}

type answer = map[string]any

// A stream that was opened, and what has come of it.
type stream struct {
	deliveries *fanfare.Deliveries
	results    *fanfare.Results
	cancel     context.CancelFunc
	seen       map[string]bool
	total      answer
	states     map[string]int
}

var (
	client  *fanfare.Client
	streams = map[string]*stream{}
)

func main() {
	lines := bufio.NewReader(os.Stdin)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		var s step
		if err := json.Unmarshal(line, &s); err != nil {
			panic(err)
		}
		given, err := run(s)
		if err != nil {
			given = merge(given, answer{"error": described(err)})
		}
		text, err := json.Marshal(given)
		if err != nil {
			panic(err)
		}
		fmt.Println(string(text))
	}
}

func run(s step) (answer, error) {
	limit := seconds(s.Deadline)
	if limit == 0 {
		limit = time.Hour
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	if s.Do == "open" {
		return open(ctx, cancel, s)
	}
	defer cancel()
	switch s.Do {
	case "connect":
		var err error
		if client != nil {
			client.Close()
		}
		trusted := &tls.Config{}
		if s.Certificate != "" {
			trusted.RootCAs = x509.NewCertPool()
			trusted.RootCAs.AppendCertsFromPEM([]byte(s.Certificate))
		}
		client, err = fanfare.Connect(s.Target, fanfare.Options{
			Token: s.Token, TLS: trusted, ReconnectFor: seconds(s.ReconnectFor), AcceptFor: seconds(s.AcceptFor),
		})
		return answer{}, err
	case "call":
		return call(ctx, s)
	case "subscribe":
		with := read(s.Request, &pb.SubscribeRequest{})
		response, err := client.Subscribe(ctx, s.Subscription, with)
		if err != nil {
			return nil, err
		}
		return answer{"response": written(response)}, nil
	case "read":
		return readOn(streams[s.Stream], s.Events)
	case "close":
		of := streams[s.Stream]
		if of.deliveries != nil {
			of.deliveries.Close()
		} else {
			of.results.Close()
		}
		of.cancel()
		return answer{}, nil
	case "many":
		return many(ctx, s)
	}
	return nil, fmt.Errorf("no step is called %q", s.Do)
}

// call makes a unary call by its name.
func call(ctx context.Context, s step) (answer, error) {
	service, method, _ := strings.Cut(s.RPC, ".")
	full := protoreflect.FullName("fanfare.v1." + service)
	descriptor, err := protoregistry.GlobalFiles.FindDescriptorByName(full.Append(protoreflect.Name(method)))
	if err != nil {
		return nil, err
	}
	rpc := descriptor.(protoreflect.MethodDescriptor)
	request, response := dynamicpb.NewMessage(rpc.Input()), dynamicpb.NewMessage(rpc.Output())
	if err := protojson.Unmarshal(s.Request, request); err != nil {
		return nil, err
	}
	if err := invoke(ctx, fmt.Sprintf("/%s/%s", full, method), request, response); err != nil {
		return nil, err
	}
	return answer{"response": written(response)}, nil
}

// The stubs of all unary calls are alike; this reaches the connection beneath them.
func invoke(ctx context.Context, method string, request, response proto.Message) error {
	return client.Connection().Invoke(ctx, method, request, response, grpc.StaticMethod())
}

func open(ctx context.Context, cancel context.CancelFunc, s step) (answer, error) {
	opened := &stream{cancel: cancel, seen: map[string]bool{}, states: map[string]int{}, total: answer{}}
	for _, name := range []string{"frames", "events", "duplicates", "answers", "rejected"} {
		opened.total[name] = 0
	}
	var err error
	switch s.RPC {
	case "Send":
		opened.deliveries, err = client.Send(ctx, read(s.Request, &pb.SendRequest{}))
	case "Broadcast":
		opened.deliveries, err = client.Broadcast(ctx, read(s.Request, &pb.BroadcastRequest{}))
	case "WatchDeliveries":
		opened.deliveries, err = client.Watch(ctx, read(s.Request, &pb.WatchDeliveriesRequest{}))
	case "SendStream":
		opened.results = client.SendStream(ctx, repeated(s))
	}
	if err != nil {
		cancel()
		return nil, err
	}
	streams[s.Stream] = opened
	given := answer{}
	if d := opened.deliveries; d != nil {
		given["replayed"], given["resume_token"] = d.Replayed(), d.ResumeToken()
		if d.Message() != nil {
			given["message"] = written(d.Message())
		}
	}
	return given, nil
}

func repeated(s step) iter.Seq[*pb.SendRequest] {
	request := read(s.Request, &pb.SendRequest{})
	return func(yield func(*pb.SendRequest) bool) {
		for range s.Count {
			if !yield(request) {
				return
			}
		}
	}
}

// readOn reads until so many more events have come, or the end.
func readOn(s *stream, events int) (answer, error) {
	ended, until := false, s.total["events"].(int)+events
	var err error
	for !ended && (events == 0 || s.total["events"].(int) < until) {
		var frame *pb.DeliveryFrame
		if s.deliveries != nil {
			frame, err = s.deliveries.Next()
		} else {
			var response *pb.SendStreamResponse
			response, err = s.results.Next()
			for _, one := range response.GetAnswers().GetAnswers() {
				count(s, "answers", 1)
				if one.GetRejected() != nil {
					count(s, "rejected", 1)
				}
			}
			frame = response.GetFrame()
		}
		if err != nil {
			ended = true
			break
		}
		if frame == nil {
			continue
		}
		count(s, "frames", 1)
		for _, event := range frame.GetEvents().GetEvents() {
			count(s, "events", 1)
			key := event.Message + " " + event.EventId
			if s.seen[key] {
				count(s, "duplicates", 1)
			}
			s.seen[key] = true
			s.states[event.State.String()]++
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	given := merge(s.total, answer{"ended": ended && err == nil, "states": s.states})
	if s.deliveries != nil {
		given["resume_token"] = s.deliveries.ResumeToken()
		if s.deliveries.Message() != nil {
			given["message"] = written(s.deliveries.Message())
		}
	}
	return given, err
}

// many sends the same at once, so many times, each to its end.
func many(ctx context.Context, s step) (answer, error) {
	request := read(s.Request, &pb.SendRequest{})
	var group sync.WaitGroup
	var mutex sync.Mutex
	var failed error
	names, events := map[string]bool{}, 0
	for range s.Count {
		group.Go(func() {
			deliveries, err := client.Send(ctx, request)
			got := 0
			if err == nil {
				for _, err = range deliveries.Events() {
					got++
				}
			}
			mutex.Lock()
			defer mutex.Unlock()
			if err != nil {
				failed = err
				return
			}
			names[deliveries.Message().Name] = true
			events += got
		})
	}
	group.Wait()
	return answer{"messages": len(names), "events": events}, failed
}

func count(s *stream, name string, by int) { s.total[name] = s.total[name].(int) + by }

func described(err error) answer {
	var e *fanfare.Error
	if !errors.As(err, &e) {
		return answer{"code": "LOCAL", "message": err.Error()}
	}
	fields := []string{}
	for _, violation := range e.Violations {
		fields = append(fields, violation.Field)
	}
	given := answer{"code": codeName(e.Code), "reason": e.Reason, "violations": fields, "metadata": e.Metadata}
	if e.Resource != nil {
		given["resource"] = []string{e.Resource.Type, e.Resource.Name}
	}
	if e.RetryAfter != nil {
		given["retry_after"] = e.RetryAfter.Seconds()
	}
	return given
}

// codeName is the code as the other languages write it.
func codeName(code codes.Code) string {
	if code == codes.Canceled {
		return "CANCELLED"
	}
	name := ""
	for i, c := range code.String() {
		if i > 0 && c >= 'A' && c <= 'Z' {
			name += "_"
		}
		name += string(c)
	}
	return strings.ToUpper(name)
}

func read[M proto.Message](text json.RawMessage, into M) M {
	if len(text) > 0 {
		if err := protojson.Unmarshal(text, into); err != nil {
			panic(err)
		}
	}
	return into
}

func written(message proto.Message) json.RawMessage {
	text, err := protojson.Marshal(message)
	if err != nil {
		panic(err)
	}
	return text
}

func merge(all ...answer) answer {
	merged := answer{}
	for _, one := range all {
		for key, value := range one {
			merged[key] = value
		}
	}
	return merged
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
