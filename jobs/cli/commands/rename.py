"""`pgdex rename`: give a repository or a view another name."""

import json

import click

from pgdex.jobs.cli.arguments import absolute_folder, json_option, project_of_folder_option
from pgdex.jobs.cli.completing import choices
from pgdex.jobs.cli.render.console import print_json, say
from pgdex.jobs.cli.session import chosen_project, open_client
from pgdex.jobs.client.printable import printable
from pgdex.jobs.errors import InvalidRequest


@click.command()
@click.argument("repository", metavar="PATH|NAME", shell_complete=choices.repositories)
@click.argument("new_name", metavar="NEW_NAME")
@click.option("--view", "only_view", is_flag=True, help="Rename only that view, not its repository.")
@project_of_folder_option
@json_option
def rename(*, repository: str, new_name: str, only_view: bool, project: str | None, as_json: bool) -> None:
    """Rename the repository PATH|NAME, or with --view the view, to NEW_NAME.

    Nothing is indexed again, paths stay as they are, and running jobs continue. Views that had the repository's name
    get the new one too.
    """
    from pgdex.jobs.client.removal_choice import Wish, views_to_remove

    try:
        new_name.encode()
    except UnicodeEncodeError:
        raise InvalidRequest("NEW_NAME is not UTF-8") from None
    with open_client() as client:
        place = absolute_folder(repository)
        chosen = chosen_project(client.settings, argument=project, folder=place if place.is_dir() else None).id
        views = views_to_remove(client, Wish(repository, all_views=not only_view), project=chosen)
        view = next((one for one in views if one.is_default), views[0])
        before = client.rename(view, new_name, only_view=only_view)
    document = {
        "repo_path": view.root,
        "project_id": chosen,
        "renamed": "view" if only_view else "repository",
        "previous_name": before,
        "name": new_name.strip(),
    }
    if as_json:
        print_json(json.dumps(document, indent=2))
    else:
        say(f"The {document['renamed']} {printable(before)} is {printable(new_name.strip())} from now on.")
