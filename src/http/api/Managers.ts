import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { UserId } from "../../domain/Ids.ts"
import { ClaimedUserId, example, page, PageQuery, Timestamp } from "./Fields.ts"
import { Authenticated } from "./Middleware.ts"
import { asking, problems } from "./Problems.ts"
import * as Samples from "./Samples.ts"

export const Assignment = Schema.Struct({ managerId: UserId, assignedAt: Timestamp })
  .annotate({ identifier: "Assignment" })
  .pipe(example({ managerId: Samples.manager, assignedAt: Samples.made }))

const seller = { sellerId: ClaimedUserId }
const pair = { ...seller, managerId: ClaimedUserId }

export class ManagersApi extends HttpApiGroup.make("managers")
  .add(
    HttpApiEndpoint.put("assign", "/users/:sellerId/managers/:managerId", {
      params: pair,
      success: HttpApiSchema.NoContent,
      error: problems(...asking, "FORBIDDEN", "USER_NOT_FOUND", "NOT_A_SELLER", "NOT_A_MANAGER")
    }).annotate(OpenApi.Description, "From the manager's next request on. Again is no different from once."),
    HttpApiEndpoint.delete("remove", "/users/:sellerId/managers/:managerId", {
      params: pair,
      success: HttpApiSchema.NoContent,
      error: problems(...asking, "FORBIDDEN", "USER_NOT_FOUND", "NOT_A_SELLER")
    }).annotate(OpenApi.Description, "From the manager's next request on. By the seller, or by a manager who leaves."),
    HttpApiEndpoint.get("list", "/users/:sellerId/managers", {
      params: seller,
      query: PageQuery,
      success: page(Assignment),
      error: problems(...asking, "USER_NOT_FOUND", "VALIDATION_FAILED", "INVALID_CURSOR")
    }).annotate(OpenApi.Description, "Those who are in force, by their ids. For the seller, and an ADMIN.")
  )
  .middleware(Authenticated)
  .annotate(OpenApi.Description, "Who acts for which seller") {}
