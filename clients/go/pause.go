package fanfare

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc/status"
)

const (
	firstPause   = 100 * time.Millisecond
	longestPause = 5 * time.Second
)

// pause between attempts to take up a stream again: grows while no frame comes.
type pause struct {
	until time.Time
	next  time.Duration
}

func newPause(limit time.Duration) pause {
	return pause{until: time.Now().Add(limit), next: firstPause}
}

// wait waits before a lost call is made again, as long as the server asked for if it did. It gives the reason back if
// that would not help, or has gone on for too long.
func (p *pause) wait(ctx context.Context, reason error) error {
	var lost *Error
	if !errors.As(reason, &lost) || !isLost(lost) || time.Now().After(p.until) {
		return reason
	}
	// Callers that lost the same server do not all come back at the same instant.
	delay := p.next/2 + rand.N(p.next/2)
	if lost.RetryAfter != nil {
		delay = max(delay, min(*lost.RetryAfter, longestPause))
	}
	p.next = min(2*p.next, longestPause)
	select {
	case <-time.After(delay):
		return nil
	case <-ctx.Done():
		return newError(status.FromContextError(ctx.Err()))
	}
}

// requestID is the caller's own, or a new one.
func requestID(given string) string {
	if given != "" {
		return given
	}
	return uuid.NewString()
}
