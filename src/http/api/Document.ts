/** What the OpenAPI document says besides what the endpoints' schemas do: words, tokens, and the headers of problems. */
import { Context } from "effect"
import { HttpApi, type HttpApiGroup, type OpenApi } from "effect/http-api"
import { Authenticated, MaybeAuthenticated, OptionalBody } from "./Middleware.ts"
import { catalogue } from "./Problems.ts"
import { parameters, summaries } from "./Words.ts"

const token = { bearer: [] }
const header = (name: string, description: string) => ({ [name]: { description, schema: { type: "string" } } })

const challenge = header("WWW-Authenticate", `Bearer; with error="invalid_token" if there was a token (RFC 6750)`)
const retryAfter = header("Retry-After", "Seconds to wait before trying again")

const retryable = new Set<string>(catalogue.flatMap((row) => (row.retryable ? [row.code] : [])))

export const complete =
  <Id extends string, Groups extends HttpApiGroup.Constraint>(
    api: HttpApi.HttpApi<Id, Groups>
  ): OpenApi.Transform["Service"] =>
  (document) => {
    HttpApi.reflect(api, {
      onGroup: () => {},
      onEndpoint: ({ endpoint, middleware, successes, errors }) => {
        const keys = new Set(Array.from(middleware, ({ key }) => key))
        const operation = document["paths"][endpoint.path.replaceAll(/:(\w+)/g, "{$1}")][endpoint.method.toLowerCase()]
        if (Context.get(endpoint.annotations, OptionalBody)) operation.requestBody.required = false
        operation.summary = summaries[operation.operationId]
        for (const parameter of operation.parameters) Object.assign(parameter, parameters[parameter.name])
        if (keys.has(Authenticated.key)) operation.security = [token]
        if (keys.has(MaybeAuthenticated.key)) operation.security = [{}, token]
        for (const status of successes.keys()) {
          const { content } = operation.responses[status]
          const answer = content?.["application/json"]?.schema
          const item = answer?.properties?.items?.items?.$ref?.split("/").at(-1)
          if (item === undefined) continue
          answer.examples = [{ items: document["components"].schemas[item].examples, nextCursor: null }]
        }
        for (const status of errors.keys()) {
          const response = operation.responses[status]
          // It describes a status by its codes.
          const codes: ReadonlyArray<string> = response.description.split(" | ")
          if (status === 401) response.headers = challenge
          if (codes.some((code) => retryable.has(code))) response.headers = retryAfter
        }
      }
    })
    const securitySchemes = { bearer: { type: "http", scheme: "bearer", bearerFormat: "JWT" } }
    return { ...document, components: { ...document["components"], securitySchemes } }
  }
