// Steps: how an identity check explains itself. Every result carries them, in order, for the lab and for tracking.

/** One thing a check found or did. `what` is short and stable, `detail` quotes what was seen. */
export interface Step {
  readonly what: string
  readonly detail?: string
}

/** Results that come from a stranger's text are quoted no longer than this. */
const MAX_DETAIL = 300

/** A step whose detail is cut to a bounded length. */
export function step(what: string, detail?: string): Step {
  if (detail === undefined) return { what }
  return { what, detail: detail.length > MAX_DETAIL ? `${detail.slice(0, MAX_DETAIL)}…` : detail }
}
