import { MillraceError } from '@millrace/runtime';
import { REJECT_REASONS, type RejectReason } from './reject-reasons.ts';

/**
 * A request that is refused as a whole. The same bytes are always refused again, and nothing of
 * them may be kept: whatever a sink was told before belongs to the refused request.
 */
export class DecodeError extends MillraceError {
  readonly reason: RejectReason;
  /** Where and what, for a person: an English clause without a full stop. */
  readonly detail: string;

  constructor(reason: RejectReason, detail: string, cause?: unknown) {
    const { title, remedy } = REJECT_REASONS[reason];
    super({
      code: `REFUSED_${reason.toUpperCase()}`,
      kind: 'permanent',
      message: `${title}: ${detail}. Nothing of the request was kept.`,
      remedy,
      cause,
    });
    this.name = 'DecodeError';
    this.reason = reason;
    this.detail = detail;
  }
}
