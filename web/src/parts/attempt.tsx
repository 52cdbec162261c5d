// What a person asked for may fail: then it is said where he looks, and taken back at the next attempt.

import { createSignal } from 'solid-js'

/** `attempt` gives whether it came about; `Failure` shows why it did not. */
export function attempting() {
  const [error, setError] = createSignal('')
  async function attempt(work: () => Promise<unknown>): Promise<boolean> {
    setError('')
    try {
      await work()
      return true
    } catch (failure) {
      setError((failure as Error).message)
      return false
    }
  }
  const Failure = () => (
    <p class="error" role="alert">
      {error()}
    </p>
  )
  return { attempt, Failure }
}
