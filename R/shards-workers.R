# Work on shards: in this process or on the workers of a cluster. Every part is a pure function of
# its shard and of what is asked, and parts are put together in the order of the shards, so that
# results have the same bits wherever they were computed.

# What a process keeps of shards, by the key of a plan.
shard_rooms <- new.env(parent = emptyenv())

#' What is to be done with shards, and where
#'
#' @param source From [shards()].
#' @param recipe How an element is made from a shard: see [make_element()].
#' @param shards Numbers of the shards that take part, in their order.
#' @return An environment: `key`, `version` of the recipe, `recipe`, `shards`, `team`, and `best`,
#'   the best estimates so far.
#' @noRd
shard_plan <- function(source, recipe, shards = seq_along(source$pieces)) {
  plan <- new.env(parent = emptyenv())
  team <- source$team
  team$plans <- (team$plans %||% 0) + 1
  plan$key <- paste(Sys.getpid(), format(as.numeric(Sys.time()), digits = 15), team$plans)
  plan$version <- 1L
  plan$recipe <- recipe
  plan$shards <- shards
  plan$team <- team
  key <- plan$key
  # What workers keep goes with the next thing they are asked.
  reg.finalizer(plan, function(plan) {
    forget_rooms(key)
    team$dropped <- c(team$dropped, key)
  })
  plan
}

# What is kept is taken on by the new recipe, see take_on().
change_recipe <- function(plan, recipe) {
  plan$recipe <- recipe
  plan$version <- plan$version + 1L
  invisible(plan)
}

#' Ask every shard
#'
#' @param plan From [shard_plan()].
#' @param piece A function of the package of an element of a shard and `...`. Its name travels.
#' @param shards Which shards.
#' @param each For each of them a list of further arguments, which goes to it alone.
#' @return A list of what it returns, in the order of the shards.
#' @section Conditions: those of `piece`, each once; error `workers`.
#' @noRd
ask_shards <- function(plan, piece, ..., shards = plan$shards, each = NULL) {
  piece <- as.character(substitute(piece))
  job <- list(key = plan$key, version = plan$version, piece = piece, arguments = list(...))
  if (!is.null(each)) job$each <- stats::setNames(each, shards)
  parts <- distribute(plan, job, shards)
  raise_again(unlist(lapply(parts, `[[`, "conditions"), recursive = FALSE))
  for (part in parts) if (!is.null(part$error)) stop(part$error)
  lapply(parts, `[[`, "value")
}

# Warnings and notes of workers, in the order of the shards, each once.
raise_again <- function(conditions) {
  for (condition in conditions[!duplicated(lapply(conditions, conditionMessage))]) {
    if (inherits(condition, "warning")) warning(condition) else message(condition)
  }
}

# One shard -------------------------------------------------------------------------------------

#' Do a job: the function that workers run
#'
#' @param job A list: `key`, `version`, `recipe` (or `NULL`, if the process is thought to have it),
#'   `piece`, `arguments`, those of `each` shard, `shards`, `tag`, and `dropped`, keys of what is no
#'   longer needed.
#' @return A list: the `tag`; `needs`, is the recipe needed? `parts`, for each shard a list of
#'   `value`, `conditions` and `error`.
#' @noRd
do_shard_job <- function(job) {
  forget_rooms(job$dropped)
  room <- shard_room(job)
  if (is.null(room)) return(list(tag = job$tag, needs = TRUE))
  parts <- lapply(job$shards, function(k) {
    recorded <- new.env()
    recorded$conditions <- list()
    value <- tryCatch(
      with_recipe_options(room$recipe, record_quietly(recorded, {
        own <- c(job$arguments, job$each[[as.character(k)]])
        do.call(job$piece, c(list(shard_element(room, k)), own))
      })),
      error = function(e) structure(list(plain_error(e, room$recipe, k)), class = "shard_failure")
    )
    failed <- inherits(value, "shard_failure")
    list(
      value = if (!failed) value, conditions = recorded$conditions,
      error = if (failed) value[[1L]]
    )
  })
  list(tag = job$tag, parts = parts)
}

# What travels is small: R writes to sockets by 4 kB, and the second piece of a message waits about
# 0.04 s for the receipt of the first.
run_shard_job <- function(job) do_shard_job(job)

record_quietly <- function(recorded, expr) {
  keep <- function(condition, restart) {
    recorded$conditions <- c(recorded$conditions, list(condition))
    invokeRestart(restart)
  }
  withCallingHandlers(expr,
    margmix_warning = function(w) keep(w, "muffleWarning"),
    margmix_note = function(n) keep(n, "muffleMessage")
  )
}

# Factors of a shard are coded as they would be where the model is fitted.
with_recipe_options <- function(recipe, expr) {
  old <- options(recipe$options)
  on.exit(options(old))
  expr
}

# An error of the package says which shard it is from; a call may hold the data.
plain_error <- function(e, recipe, k) {
  where <- paste0("\n  Given: shard ", recipe$source$labels[k])
  if (!inherits(e, "margmix_error")) {
    hint <- memory_hint(e$message)
    where <- paste0(where, if (!is.null(hint)) "\n  Hint: ", hint)
    class(e) <- c("margmix_error_shards", "margmix_error", "error", "condition")
  }
  e["call"] <- list(NULL)
  if (!inherits(e, "margmix_error_shards") || !grepl("shard", e$message)) {
    e$message <- paste0(e$message, where)
  }
  e
}

# For an error where memory is at its end, or nothing.
memory_hint <- function(message) {
  if (!grepl("cannot allocate|bad_alloc", message)) return(NULL)
  "The process is out of memory: give shards() a smaller `memory`, or smaller shards."
}

forget_rooms <- function(keys) {
  rm(list = intersect(keys, names(shard_rooms)), envir = shard_rooms)
}

# What this process keeps for a job, with the recipe of its version; NULL if that is missing.
shard_room <- function(job) {
  room <- shard_rooms[[job$key]]
  if (identical(room$version, job$version)) return(room)
  if (is.null(job$recipe)) return(NULL)
  if (is.null(room)) {
    room <- new.env(parent = emptyenv())
    room$elements <- room$sizes <- room$versions <- list()
    assign(job$key, room, envir = shard_rooms)
  }
  room$recipe <- job$recipe
  room$version <- job$version
  room
}

# An element of an earlier recipe is taken on when it is asked for: a question to one shard does not
# wait for the others of its worker.
shard_element <- function(room, k) {
  name <- as.character(k)
  element <- room$elements[[name]]
  if (is.null(element)) {
    element <- make_element(room$recipe, k)
  } else if (!identical(room$versions[[name]], room$version)) {
    element <- take_on(element, room$recipe)
  } else {
    return(element)
  }
  keep_element(room, name, element)
  element
}

# If there is room for it, beside the others.
keep_element <- function(room, name, element) {
  others <- room$sizes[names(room$sizes) != name]
  most <- room$recipe$memory
  # takes a while
  size <- if (most > 0 && most < Inf) as.double(utils::object.size(element)) else 0
  keep <- most > 0 && sum(unlist(others)) + size <= most
  room$elements[[name]] <- if (keep) element
  room$sizes[[name]] <- if (keep) size
  room$versions[[name]] <- if (keep) room$version
}

# Workers ---------------------------------------------------------------------------------------

#' Do a job on all shards
#'
#' Shards stay with the worker that has them. Those of a worker that stops go to the others.
#'
#' @return Parts, in the order of `shards`.
#' @noRd
distribute <- function(plan, job, shards) {
  parts <- vector("list", length(shards))
  names(parts) <- shards
  send_recipe <- FALSE
  while (length(left <- shards[vapply(parts, is.null, NA)])) {
    owners <- owners_of(plan$team, left)
    jobs <- lapply(split(left, owners), function(some) {
      job$each <- job$each[as.character(some)]
      c(job, list(
        shards = some, dropped = plan$team$dropped, recipe = if (send_recipe) plan$recipe
      ))
    })
    replies <- ask_team(plan, as.integer(names(jobs)), jobs)
    send_recipe <- any(vapply(replies, function(reply) isTRUE(reply$needs), NA))
    for (i in seq_along(jobs)) {
      if (is.null(replies[[i]]$parts)) next
      parts[as.character(jobs[[i]]$shards)] <- replies[[i]]$parts
    }
  }
  plan$team$dropped <- NULL
  parts
}

# The worker of each shard, 0 for this process. Where one has none, the next ones take their turn.
owners_of <- function(team, shards) {
  if (is.null(team$cluster)) return(rep(0L, length(shards)))
  live <- which(team$live)
  owner <- team$owner[shards]
  lost <- which(!owner %in% live)
  owner[lost] <- live[(seq_along(lost) - 1L) %% length(live) + 1L]
  team$owner[shards] <- owner
  owner
}

#' Send jobs and wait for all of them
#' @param workers Their numbers; 0 is this process.
#' @return For each a reply of [do_shard_job()], or `NULL` if it is lost.
#' @noRd
ask_team <- function(plan, workers, jobs) {
  team <- plan$team
  tags <- paste(plan$key, team$asked <- (team$asked %||% 0) + 1, workers)
  jobs <- Map(function(job, tag) c(job, list(tag = tag)), jobs, tags)
  if (is.null(team$cluster)) return(lapply(jobs, do_shard_job))
  replies <- tryCatch(
    parallel::clusterApply(team$cluster[workers], unname(jobs), run_shard_job),
    error = function(e) e,
    interrupt = function(i) {
      settle_team(plan, workers, tags)
      abort("interrupted", "The work on shards was interrupted.", start = plan$best$start)
    }
  )
  if (inherits(replies, "error")) return(settle_team(plan, workers, tags, replies))
  replies
}

# After an error no one knows which answers are still under way. Each worker is asked for a sign of
# life: none comes from one that has stopped, and the answer before it from one that had not been
# read.
settle_team <- function(plan, workers, tags, error = NULL) {
  team <- plan$team
  replies <- Map(function(worker, tag) {
    sign <- paste(tag, "sign")
    answer <- sign_of_life(team$cluster[worker], sign)
    if (identical(answer$tag, sign)) return(list(alive = TRUE))
    read <- identical(answer$tag, tag) && read_sign(team$cluster[[worker]], sign)
    list(alive = read, reply = if (read) answer)
  }, workers, tags)
  alive <- vapply(replies, `[[`, NA, "alive")
  if (!is.null(error) && all(alive)) refuse_workers(conditionMessage(error))
  if (!all(alive)) report_stopped(plan, workers[!alive])
  lapply(replies, `[[`, "reply")
}

sign_of_life <- function(node, sign) {
  tryCatch(
    parallel::clusterApply(node, list(sign), answer_sign)[[1L]], error = function(e) NULL
  )
}

answer_sign <- function(sign) list(tag = sign)

# Reads the sign of life after an older answer. Only sockets can be read without being asked.
read_sign <- function(node, sign) {
  if (!inherits(node, "SOCKnode")) return(FALSE)
  answer <- tryCatch(unserialize(node$con), error = function(e) NULL)
  identical(answer$value$tag, sign)
}

report_stopped <- function(plan, workers) {
  team <- plan$team
  team$live[workers] <- FALSE
  which <- some_of(paste("worker", workers))
  if (any(team$live)) {
    warn("workers", "A worker has stopped; its shards go to the others.", given = which)
    return(invisible())
  }
  abort("workers", "All workers have stopped.", given = which,
    hint = c(
      "Make a cluster and shards() again.",
      if (!is.null(plan$best$start)) {
        "The best estimates so far are in the `start` of this error, which a fit takes as its own."
      }
    ), start = plan$best$start
  )
}

refuse_workers <- function(text) {
  abort("workers", "A worker failed.", given = text,
    hint = "Is the package installed there, and is the cluster idle?"
  )
}
