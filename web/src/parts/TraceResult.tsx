// How a message came here: the picture, and the same in words.

import { svgUrl, type TraceView } from '../api.ts'

export function TraceResult(props: { view: TraceView }) {
  return (
    <section class="trace-result" aria-label="The path of the message">
      <div class="picture">
        <img src={svgUrl(props.view.svg)} alt="The path of the message as a picture; the same stands below in words." />
      </div>
      <pre>{props.view.text}</pre>
    </section>
  )
}
